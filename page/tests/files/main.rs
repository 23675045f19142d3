//! What is in the files of the page: their languages, their size, and what they ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The texts: every key in both languages, and every one that is used.
mod languages;
/// The files of `assets/`, as they are written.
mod sources;

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;

/// What all files may have together, as a browser gets them.
const MOST_BYTES: usize = 60_000;

async fn size_of(path: &str, encoding: &'static str) -> usize {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    let answer = match path {
        "index.html" => linkrelay_page::index(&headers),
        _ => linkrelay_page::file(linkrelay_page::build(), path, &headers).unwrap(),
    };
    answer.into_body().collect().await.unwrap().to_bytes().len()
}

#[tokio::test]
async fn all_files_together_are_small() {
    let (mut packed, mut plain) = (0, 0);
    for source in sources::all() {
        packed += size_of(&source.name, "br").await;
        plain += size_of(&source.name, "identity").await;
    }
    println!("the page has {packed} bytes by brotli, {plain} as it is");
    assert!(packed < MOST_BYTES, "{packed}");
    assert!(plain > packed, "{plain}");
}

/// What follows `from "` or `import("`, from the folder of the file.
fn imports(source: &sources::Source) -> Vec<String> {
    let marks = ["from \"", "import(\"", "import(`"];
    let found = marks.iter().flat_map(|mark| source.text.split(mark).skip(1));
    found.map(|rest| rest.split(['"', '`']).next().unwrap().to_owned()).collect()
}

fn resolved(source: &sources::Source, import: &str) -> String {
    let mut parts: Vec<&str> = source.name.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop().unwrap();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_import_is_a_file_and_every_script_is_imported() {
    let sources = sources::all();
    let names: BTreeSet<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let mut asked_for = BTreeSet::new();
    for source in sources.iter().filter(|source| source.name.ends_with(".js")) {
        for import in imports(source) {
            let name = resolved(source, &import);
            if name.contains("${") {
                asked_for.extend(["lang/en.js", "lang/ko.js"].map(str::to_owned));
                continue;
            }
            assert!(names.contains(name.as_str()), "{}: {import}", source.name);
            asked_for.insert(name);
        }
    }
    let index = sources.iter().find(|source| source.name == "index.html").unwrap();
    for rest in index.text.split("\"/page/{build}/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(names.contains(name), "index.html: {name}");
        asked_for.insert(name.to_owned());
    }
    let left_out: Vec<_> =
        names.iter().filter(|name| **name != "index.html" && !asked_for.contains(**name)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

/// What the policy of the page would refuse, and what could run a text that others wrote.
#[test]
fn no_file_has_what_the_policy_refuses() {
    let refused = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "style=\"",
        "<style",
        "onclick=\"",
        "setAttribute(\"style\"",
    ];
    for source in sources::all() {
        for text in refused {
            assert!(!source.text.contains(text), "{}: {text}", source.name);
        }
        let outside =
            source.text.split("https://").skip(1).chain(source.text.split("http://").skip(1));
        for rest in outside {
            let known = ["www.youtube.com/watch?v=", "youtu.be/", "www.w3.org/2000/svg"];
            assert!(
                known.iter().any(|start| rest.starts_with(start)),
                "{}: {rest:.40}",
                source.name
            );
        }
    }
}
