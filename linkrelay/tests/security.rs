//! SECURITY.md promises only what a test holds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

/// Every source file of a folder, tests included.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| !path.ends_with("target") && !path.ends_with(".git"))
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn every_promise_of_the_security_policy_names_tests_that_exist() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let policy = std::fs::read_to_string(workspace.join("SECURITY.md")).unwrap();
    let (_, promises) = policy.split_once("## What is promised").unwrap();
    let (promises, _) = promises.split_once("\n## ").unwrap();
    let code: String =
        sources(workspace).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let rows: Vec<&str> = promises.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 10, "{promises}");
    for row in rows {
        let tests: Vec<&str> =
            row.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        assert!(!tests.is_empty(), "no test holds: {row}");
        for test in tests {
            let exists = code.contains(&format!("fn {test}("));
            assert!(exists, "there is no test {test}, which SECURITY.md names: {row}");
        }
    }
}
