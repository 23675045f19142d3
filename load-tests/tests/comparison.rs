//! Both paths on real servers, with linkrelay's own processes and a small load, to show that the
//! comparison works. `make load-test` says how fast they are.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::Parser as _;
use linkrelay_load_tests::comparison::{ComparisonSettings, run};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_documents_agree_on_both_paths() {
    let folder = tempfile::tempdir().unwrap();
    // Five links a request, and every fifth of all links is bad.
    let load = ["load-test", "--scenario=mixed", "--rate=20", "--seconds=1", "--latency=50ms"];
    let comparison = run(&ComparisonSettings::try_parse_from(load).unwrap()).await.unwrap();
    assert_eq!(comparison.disagreements(), Vec::<String>::new());
    comparison.write(folder.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    let paths = report["paths"].as_array().unwrap();
    let names: Vec<&Value> = paths.iter().map(|result| &result["path"]).collect();
    assert_eq!(names, ["kafka", "waiting"]);
    for result in paths {
        assert_eq!(result["requests"], 20, "{result}");
        // Of 100 links 20 are bad, in 16 of the requests.
        assert_eq!(result["answers"], json!({ "201": 4, "207": 16 }), "{result}");
        assert_eq!(
            (&result["documents"], &result["agreement"]["promised"]),
            (&json!(80), &json!(80))
        );
        assert_eq!(result["stored_after_seconds"].as_array().unwrap().len(), 80, "{result}");
    }
    let page = read("report.md");
    assert!(page.contains("| through Kafka | 20 | 4 | 16 × 207 | 0 | 80 |"), "{page}");
}
