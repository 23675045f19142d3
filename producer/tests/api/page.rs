//! The page as a browser gets it, and its texts for every code that the API has.

use std::collections::BTreeSet;
use std::io::Read as _;

use reqwest::header::HeaderMap;

use crate::helpers::TestApp;
use crate::helpers::document::operations;

const API: &str = include_str!("../../../docs/API.md");
const LANGUAGES: [&str; 2] = [
    include_str!("../../../page/assets/lang/en.js"),
    include_str!("../../../page/assets/lang/ko.js"),
];

/// An answer to `Accept-Encoding: ENCODING`, by a client that unpacks nothing.
async fn get(app: &TestApp, path: &str, encoding: &str) -> (Vec<u8>, HeaderMap) {
    let client = reqwest::Client::builder().no_gzip().no_brotli().build().unwrap();
    let request = client.get(format!("http://{}{path}", app.addr));
    let response = request.header("accept-encoding", encoding).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let headers = response.headers().clone();
    (response.bytes().await.unwrap().to_vec(), headers)
}

async fn index(app: &TestApp) -> String {
    String::from_utf8(get(app, "/", "identity").await.0).unwrap()
}

/// The addresses of files in the index.
fn files(index: &str) -> Vec<&str> {
    index.split('"').filter(|text| text.starts_with("/page/")).collect()
}

#[tokio::test]
async fn the_index_is_asked_for_again_and_its_files_are_kept() {
    let app = TestApp::with_acks().await;
    let index = index(&app).await;
    let (packed, headers) = get(&app, "/", "gzip").await;
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, index);
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "));
    assert!(!policy.contains("unsafe") && !policy.contains("://") && !policy.contains('*'));
    assert_eq!(headers["cache-control"], "no-cache");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert!(files(&index).len() >= 4 && !index.contains("{build}"), "{index}");
    for path in files(&index) {
        let mut tags = BTreeSet::new();
        for encoding in ["br", "gzip", "identity"] {
            let (_, headers) = get(&app, path, encoding).await;
            assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable", "{path}");
            assert_eq!(headers["vary"], "accept-encoding", "{path}");
            let packed =
                headers.get("content-encoding").map_or("identity", |it| it.to_str().unwrap());
            assert!(packed == encoding || packed == "identity", "{path}: {packed}");
            let tag = headers["etag"].to_str().unwrap().to_owned();
            let again = app.request("GET", path).header("accept-encoding", encoding);
            let again = again.header("if-none-match", &tag).send().await.unwrap();
            assert_eq!(again.status(), 304, "{path}");
            assert_eq!(again.headers()["etag"], tag.as_str(), "{path}");
            tags.insert((packed.to_owned(), tag));
        }
        let forms: BTreeSet<_> = tags.iter().map(|(packed, _)| packed).collect();
        let names: BTreeSet<_> = tags.iter().map(|(_, tag)| tag).collect();
        assert_eq!(forms.len(), names.len(), "each form has a tag of its own: {tags:?}");
        let content_type =
            get(&app, path, "br").await.1["content-type"].to_str().unwrap().to_owned();
        let known = ["text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"];
        assert!(known.contains(&content_type.as_str()), "{path}: {content_type}");
    }
    app.stop().await;
}

#[tokio::test]
async fn head_has_the_headers_alone_and_what_is_not_there_is_a_problem() {
    let app = TestApp::with_acks().await;
    let index = index(&app).await;
    assert_eq!(get(&app, "/?view=library&q=x&q=y", "identity").await.0, index.as_bytes());
    let main = files(&index).into_iter().find(|path| path.ends_with("/main.js")).unwrap();
    for path in ["/", main] {
        let head = app.request("HEAD", path).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        assert!(head.headers().contains_key("etag"), "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        let post = app.request("POST", path).send().await.unwrap();
        assert_eq!(post.status(), 405, "{path}");
    }
    let other_build = main.replace(main.split('/').nth(2).unwrap(), "0000000000000000");
    let folder = main.trim_end_matches("main.js");
    for unknown in [
        &other_build,
        &format!("{folder}none.js"),
        &format!("{folder}index.html"),
        &format!("{folder}..%2fmain.js"),
        &format!("{folder}%ff"),
    ] {
        app.get(unknown).await.assert_problem(404, "not_found");
    }
    app.stop().await;
}

/// The names in backticks of the sentence that begins like this.
fn listed(start: &str) -> Vec<&'static str> {
    let from = API.find(start).unwrap_or_else(|| panic!("{start}"));
    let sentence = API[from..].lines().next().unwrap();
    sentence.split('`').skip(1).step_by(2).collect()
}

fn is_code(name: &&str) -> bool {
    name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
}

#[test]
fn every_code_has_a_text_in_both_languages() {
    let mut codes = BTreeSet::new();
    for (_, _, operation) in operations() {
        for response in operation["responses"].as_object().unwrap().values() {
            if response["content"].get("application/problem+json").is_some() {
                // A text is "`code`, `code`: why.", once for each kind of answer.
                for part in response["description"].as_str().unwrap().split(". ") {
                    let codes_of_part = part.split(':').next().unwrap();
                    codes.extend(codes_of_part.split('`').skip(1).step_by(2).filter(is_code));
                }
            }
        }
    }
    let links = ["Codes of rejected links:", "Codes of failed ones:"];
    let no_codes = [
        "videos", "index", "source", "link", "links", "status", "error", "code", "message",
        "accepted", "rejected", "results",
    ];
    for start in links {
        codes.extend(
            listed(start).into_iter().filter(is_code).filter(|name| !no_codes.contains(name)),
        );
    }
    // Codes that only a text names, as those of limits do.
    codes.extend(listed("| `client_connections`").into_iter().filter(is_code));
    assert!(codes.len() > 70 && codes.contains("age_restricted"), "{codes:?}");
    for language in LANGUAGES {
        let left_out: Vec<_> = codes
            .iter()
            .filter(|code| !language.contains(&format!("\"problem.{code}\":")))
            .collect();
        assert!(left_out.is_empty(), "{left_out:?}");
    }
}
