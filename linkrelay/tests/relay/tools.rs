use std::io::Write;
use std::process::{Command, Output};

use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};
use linkrelay_testkit::process::workspace_binary;
use serde_json::Value;

use crate::site::{PARTITIONS, Site, link};

pub(crate) fn linkrelay(site: &Site, arguments: &[&str], url: &str) -> Output {
    let mut command = Command::new(workspace_binary("linkrelay").unwrap());
    command.args(arguments).envs(site.env()).env("LINKRELAY_URL", url);
    tokio::task::block_in_place(|| command.output().unwrap())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_waits_and_says_what_failed_and_status_shows_it() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    site.fake.set_failure("t0000000001", Some(Failure::Private));
    let (producer, consumer) = (site.producer(&[]), site.consumer(&[]));
    producer.until_ready().await;
    consumer.until_ready().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "# a comment\n\n{}\n{}\nhttps://example.com/", link(0), link(1)).unwrap();
    let path = file.path().display().to_string();
    let submitted =
        linkrelay(&site, &["submit", "--wait", "--file", &path, &link(2)], &producer.url);
    let said = stderr(&submitted);
    assert_eq!(submitted.status.code(), Some(1), "{said}");
    assert!(
        said.contains("rejected: https://example.com/") && said.contains("not_youtube"),
        "{said}"
    );
    assert!(said.contains(&format!("failed: {}", link(1))) && said.contains("private"), "{said}");
    assert!(said.contains("stored 2, failed 1"), "{said}");
    let id = stdout(&submitted).trim().to_owned();
    let status = linkrelay(&site, &["status", &id], &producer.url);
    assert!(status.status.success());
    assert!(stdout(&status).starts_with(&format!("{id}: 3 links, 2 stored, 1 failed, 0 pending")));
    let json: Value =
        serde_json::from_slice(&linkrelay(&site, &["status", &id, "--json"], &producer.url).stdout)
            .unwrap();
    assert_eq!(json["links"].as_array().unwrap().len(), 3);
    let unknown = linkrelay(&site, &["status", "rubbish"], &producer.url);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("request id"), "{}", stderr(&unknown));
    consumer.stop().await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extract_prints_an_object_a_line_in_order() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
    site.fake.set_failure("t0000000001", Some(Failure::Deleted));
    let output = linkrelay(&site, &["extract", &link(0), &link(1), "rubbish", &link(2)], "");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["video_id"], "t0000000000");
    assert!(lines[0]["video"]["title"].is_string());
    assert_eq!(lines[1]["error"]["code"], "unavailable");
    assert_eq!(lines[1]["error"]["class"], "permanent");
    assert_eq!(lines[2]["error"]["code"], "not_a_url");
    assert_eq!(lines[3]["video_id"], "t0000000002");
    assert!(linkrelay(&site, &["extract", &link(0)], "").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_described_grown_and_never_shrunk() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
    let missing = linkrelay(&site, &["topics", "describe"], "");
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("does not exist"), "{}", stderr(&missing));
    let topics = |arguments: &[&str]| {
        let output = linkrelay(&site, &[&["topics"], arguments].concat(), "");
        (output.status.code(), format!("{}{}", stdout(&output), stderr(&output)))
    };
    let (code, said) = topics(&["create"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("{}: created with {PARTITIONS} partitions", site.topic)),
        "{said}"
    );
    assert!(topics(&["create"]).1.contains("already"));
    assert!(topics(&["create", "--partitions", "8"]).1.contains("grown from 6 to 8"));
    assert!(topics(&["describe"]).1.contains("8 partitions"));
    let (code, said) = topics(&["create", "--partitions", "4"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot shrink"), "{said}");
    assert_eq!(topics(&["create", "--partitions", "0"]).0, Some(2));
}
