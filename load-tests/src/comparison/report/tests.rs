use super::sample::comparison;
use super::*;

#[test]
fn the_page_has_a_row_for_each_way_and_each_original() {
    insta::assert_snapshot!(markdown::page(&comparison()));
}

#[test]
fn another_load_has_no_original_beside_it() {
    let mut other = comparison();
    assert_eq!(other.originals().len(), 2);
    other.load.phases[0].arrival_rate = 51;
    assert!(other.originals().is_empty());
    assert!(!markdown::table(&other).contains("original"));
    let mut other = comparison();
    other.load.links_per_request = 100;
    assert!(other.originals().is_empty());
}

#[test]
fn errors_and_other_statuses_are_beside_each_other() {
    let mut broken = comparison();
    broken.ways[0].errors.insert("reset".to_owned(), 2);
    broken.ways[0].response_times = None;
    let table = markdown::table(&broken);
    assert!(table.contains("| through Kafka | 500 | 500 | 2 × reset | 0 | 500 | – |"), "{table}");
}

#[test]
fn a_load_is_told_in_words() {
    let mut told = comparison();
    assert_eq!(told.load_in_words(), "10 s × 50 requests a second, one link each");
    told.load.phases[0].ramp_to = Some(500);
    told.load.links_per_request = 5;
    told.load.bad_percent = 20;
    let words = "10 s × 50 to 500 requests a second, 5 links each, 20 % of them bad";
    assert_eq!(told.load_in_words(), words);
}

#[test]
fn a_loss_is_told_with_an_example() {
    let mut lossy = comparison();
    assert!(lossy.disagreements().is_empty());
    let lost = linkrelay_common::DocumentId::from_stored("lost-1:0".to_owned());
    lossy.ways[1].agreement.missing.push(lost);
    let told = lossy.disagreements();
    assert!(told.len() == 1 && told[0].starts_with("waiting: 1 ") && told[0].contains("lost-1:0"));
}

#[test]
fn all_three_files_are_written_and_the_json_has_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/report");
    write(&comparison(), &place).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.join("report.json")).unwrap()).unwrap();
    assert_eq!(json["ways"][1]["answers"]["503"], 15);
    assert_eq!(json["ways"][0]["stored_after_seconds"].as_array().unwrap().len(), 500);
    assert_eq!(json["machine"]["cpus"], 2);
    for name in ["report.md", "report.svg"] {
        assert!(place.join(name).is_file(), "{name}");
    }
}
