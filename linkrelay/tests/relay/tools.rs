use std::io::Write;

use linkrelay_fake_youtube::Failure;
use serde_json::Value;

use crate::helpers::{link, video_id};
use crate::role::stop;
use crate::site::{PARTITIONS, Site};

#[tokio::test(flavor = "multi_thread")]
async fn submit_waits_and_says_what_failed_and_status_shows_it() {
    let site = Site::new().await;
    site.fake.set_failure(&video_id(1), Some(Failure::Private));
    let (producer, consumer) = site.roles(&[], &[]).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "# a comment\n\n{}\n{}\nhttps://example.com/", link(0), link(1)).unwrap();
    let path = file.path().display().to_string();
    let url = producer.url();
    let linkrelay = |arguments: &[&str]| site.linkrelay(arguments, &[("LINKRELAY_URL", &url)]);
    let submitted = linkrelay(&["submit", "--wait", "--file", &path, &link(2)]);
    let said = submitted.stderr;
    assert_eq!(submitted.code, Some(1), "{said}");
    assert!(
        said.contains("rejected: https://example.com/") && said.contains("not_youtube"),
        "{said}"
    );
    assert!(said.contains(&format!("failed: {}", link(1))) && said.contains("private"), "{said}");
    assert!(said.contains("stored 2, failed 1"), "{said}");
    let id = submitted.stdout.trim();
    let status = linkrelay(&["status", id]).done();
    assert!(status.starts_with(&format!("{id}: 3 links, 2 stored, 1 failed, 0 pending")));
    let json = linkrelay(&["status", id, "--json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["links"].as_array().unwrap().len(), 3);
    let unknown = linkrelay(&["status", "rubbish"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("request id"), "{}", unknown.stderr);
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extract_prints_an_object_a_line_in_order() {
    let site = Site::without_topics().await;
    site.fake.set_failure(&video_id(1), Some(Failure::Deleted));
    let said = site.linkrelay(&["extract", &link(0), &link(1), "rubbish", &link(2)], &[]);
    assert_eq!(said.code, Some(1));
    let lines: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["video_id"], "t0000000000");
    assert!(lines[0]["video"]["title"].is_string());
    assert_eq!(lines[1]["error"]["code"], "unavailable");
    assert_eq!(lines[1]["error"]["class"], "permanent");
    assert_eq!(lines[2]["error"]["code"], "not_a_url");
    assert_eq!(lines[3]["video_id"], "t0000000002");
    site.linkrelay(&["extract", &link(0)], &[]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_described_grown_and_never_shrunk() {
    let site = Site::without_topics().await;
    let topics = |arguments: &[&str]| site.linkrelay(&[&["topics"], arguments].concat(), &[]);
    let missing = topics(&["describe"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("does not exist"), "{}", missing.stderr);
    let said = topics(&["create"]).done();
    let created = format!("{}: created with {PARTITIONS} partitions", site.topic);
    assert!(said.contains(&created), "{said}");
    assert!(topics(&["create"]).all().contains("already"));
    assert!(topics(&["create", "--partitions", "8"]).all().contains("grown from 6 to 8"));
    assert!(topics(&["describe"]).all().contains("8 partitions"));
    let shrunk = topics(&["create", "--partitions", "4"]);
    assert_eq!(shrunk.code, Some(1));
    assert!(shrunk.all().contains("cannot shrink"), "{shrunk:?}");
    assert_eq!(topics(&["create", "--partitions", "0"]).code, Some(2));
}
