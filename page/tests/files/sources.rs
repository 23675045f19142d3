use std::path::{Path, PathBuf};
use std::{env, fs};

/// A file of `assets/`.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Returns all files.
pub(crate) fn all() -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut found = Vec::new();
    find(&root, &root, &mut found);
    assert!(found.len() > 30, "{}", found.len());
    found
}

fn find(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.push(Source { name, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// `build.rs` leaves out indentation, and lines that begin as comments do: in a text over several
/// lines both would mean something.
#[test]
fn no_text_of_a_script_goes_over_several_lines() {
    for source in all().iter().filter(|source| source.name.ends_with(".js")) {
        for (number, line) in source.text.lines().enumerate() {
            let count = line.matches('`').count();
            // In the comments a single one may be the end of a name.
            let is_comment = ["//", "*", "/*"].iter().any(|start| line.trim().starts_with(start));
            assert!(is_comment || count % 2 == 0, "{}:{}: {line}", source.name, number + 1);
        }
    }
}

#[test]
fn every_script_says_what_it_is_for() {
    for source in all().iter().filter(|source| source.name.ends_with(".js")) {
        assert!(source.text.starts_with("// "), "{}", source.name);
    }
}
