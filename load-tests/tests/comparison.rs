//! Both ways on real servers, with linkrelay's own processes: a small load, so that it is seen
//! to work. How fast it is, is for `make load-test` to say.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use clap::Parser as _;
use linkrelay_load_tests::comparison::settings::ComparisonSettings;
use linkrelay_load_tests::comparison::way::Way;
use linkrelay_load_tests::comparison::{report, run};

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_documents_agree_on_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    // Five links a request, and every fifth of all links is bad.
    let load =
        ["--generator=own", "--scenario=mixed", "--rate=20", "--seconds=1", "--latency=50ms"];
    let settings = [&["load-test", "--out", out][..], &load].concat();
    let settings = ComparisonSettings::try_parse_from(settings).unwrap();
    let comparison = run(&settings).await.unwrap();
    assert_eq!(comparison.disagreements(), Vec::<String>::new());
    let ways: Vec<Way> = comparison.ways.iter().map(|result| result.way).collect();
    assert_eq!(ways, Way::ALL);
    for result in &comparison.ways {
        let way = result.way;
        assert_eq!(result.requests, 20, "{way}");
        // Of 100 links 20 are bad, in 16 of the requests.
        assert_eq!(result.answers, BTreeMap::from([(201, 4), (207, 16)]), "{way}: {result:?}");
        assert_eq!((result.documents, result.agreement.promised), (80, 80), "{way}");
        assert_eq!(result.stored_after_seconds.len(), 80, "{way}");
    }
    report::write(&comparison, folder.path()).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(page.contains("| through Kafka | 20 | 4 | 16 × 207 | 0 | 80 |"), "{page}");
}
