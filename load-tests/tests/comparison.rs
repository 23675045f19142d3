//! Both paths on real servers, with linkrelay's own processes and a small load, to show that the
//! comparison works. `make load-test` says how fast they are.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use clap::Parser as _;
use linkrelay_load_tests::comparison::link_path::LinkPath;
use linkrelay_load_tests::comparison::settings::ComparisonSettings;
use linkrelay_load_tests::comparison::{report, run};

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_documents_agree_on_both_paths() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    // Five links a request, and every fifth of all links is bad.
    let load = ["--scenario=mixed", "--rate=20", "--seconds=1", "--latency=50ms"];
    let settings = [&["load-test", "--out", out][..], &load].concat();
    let settings = ComparisonSettings::try_parse_from(settings).unwrap();
    let comparison = run(&settings).await.unwrap();
    assert_eq!(comparison.disagreements(), Vec::<String>::new());
    let paths: Vec<LinkPath> = comparison.paths.iter().map(|result| result.path).collect();
    assert_eq!(paths, LinkPath::ALL);
    for result in &comparison.paths {
        let path = result.path;
        assert_eq!(result.requests, 20, "{path}");
        // Of 100 links 20 are bad, in 16 of the requests.
        assert_eq!(result.answers, BTreeMap::from([(201, 4), (207, 16)]), "{path}: {result:?}");
        assert_eq!((result.documents, result.agreement.promised), (80, 80), "{path}");
        assert_eq!(result.stored_after_seconds.len(), 80, "{path}");
    }
    report::write(&comparison, folder.path()).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(page.contains("| through Kafka | 20 | 4 | 16 × 207 | 0 | 80 |"), "{page}");
}
