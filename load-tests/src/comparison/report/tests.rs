use super::sample::comparison;
use super::*;

#[test]
fn the_page_has_a_row_for_each_path_and_each_original() {
    insta::assert_snapshot!(markdown::page(&comparison()));
}

#[test]
fn another_load_has_no_original_beside_it() {
    let mut other = comparison();
    assert_eq!(other.originals().len(), 2);
    other.load.plan.phases[0].last_rate = 51;
    assert!(other.originals().is_empty());
    assert!(!markdown::table(&other).contains("original"));
    let mut other = comparison();
    other.load.plan.links_per_request = 100;
    assert!(other.originals().is_empty());
}

#[test]
fn errors_and_other_statuses_are_in_one_column() {
    let mut broken = comparison();
    broken.paths[0].errors.insert("reset".to_owned(), 2);
    broken.paths[0].response_times = None;
    let table = markdown::table(&broken);
    assert!(table.contains("| through Kafka | 500 | 500 | 2 × reset | 0 | 500 | – |"), "{table}");
}

#[test]
fn a_load_is_written_as_text() {
    let mut plan = Scenario::Original.plan();
    assert_eq!(plan.to_string(), "10 s × 50 requests a second, one link each");
    plan.phases[0].last_rate = 500;
    plan.phases.push(Phase::steady(500, 3));
    plan.links_per_request = 5;
    plan.bad_percent = 20;
    let text = "10 s × 50 to 500 requests a second, then 3 s × 500 requests a second, 5 links each, 20 % of them bad";
    assert_eq!(plan.to_string(), text);
}

#[test]
fn a_loss_is_reported_with_an_example() {
    let mut lossy = comparison();
    assert!(lossy.disagreements().is_empty());
    let lost = linkrelay_common::DocumentId::from_stored("lost-1:0".to_owned());
    lossy.paths[1].agreement.missing.push(lost);
    let reported = lossy.disagreements();
    assert!(reported.len() == 1 && reported[0].starts_with("waiting: 1 "), "{reported:?}");
    assert!(reported[0].contains("lost-1:0"), "{reported:?}");
}

#[test]
fn all_three_files_are_written_and_the_json_has_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/report");
    comparison().write(&out).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap();
    assert_eq!(json["paths"][1]["answers"]["503"], 15);
    assert_eq!(json["paths"][0]["stored_after_seconds"].as_array().unwrap().len(), 500);
    assert_eq!(json["machine"]["cpus"], 2);
    for name in ["report.md", "report.svg"] {
        assert!(out.join(name).is_file(), "{name}");
    }
}
