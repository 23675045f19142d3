use std::path::Path as Folder;
use std::process::Command;
use std::time::Duration;

use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::wait::{LONG, ok_if};
use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use serde_json::json;

use crate::helpers::{Said, binary, links, run, until, until_is};
use crate::role::{stop, up};
use crate::site::{Site, count, youtube};

const MANY: i64 = 8_000;

async fn rows(site: &Site) -> Vec<Document> {
    let mut found = site.videos.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    let mut rows = Vec::new();
    while found.advance().await.unwrap() {
        let mut row: Document = found.deserialize_current().unwrap();
        row.remove("sequence");
        // A consumer adds them later.
        row.remove("grams");
        rows.push(row);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_documents_that_are_older_than_rows_are_made() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[], &[]).await;
    let id = producer.post_valid(&json!(links(0..5))).await;
    producer.until_nothing_is_pending(&id).await;
    let before = rows(&site).await;
    assert_eq!(before.len(), 5);
    site.videos.delete_many(doc! {}).await.unwrap();
    for _ in 0..2 {
        let said = site.linkrelay(&["rebuild-videos"], &[]);
        let summary = "documents read 5, not readable 0, rows without documents 0\n";
        assert_eq!((said.code, &*said.stdout), (Some(0), summary), "{}", said.all());
        assert_eq!(rows(&site).await, before);
    }
    stop([producer, consumer]).await;
}

/// Adds many documents, each of a video of its own, as if they were older than the rows.
fn add_old_documents(data: &Folder) {
    let file = Connection::open(data.join("linkrelay.sqlite")).unwrap();
    file.busy_timeout(LONG).unwrap();
    file.execute_batch(&format!(
        "DELETE FROM video;
         INSERT INTO document WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL
             SELECT i + 1 FROM n WHERE i < {MANY})
         SELECT printf('old:%06d', i), NULL, 0, status, printf('v%010d', i), channel_id, title, link,
             error, stored_at, json_set(document, '$._id', printf('old:%06d', i),
                 '$.request_id', NULL, '$.video_id', printf('v%010d', i))
         FROM n, (SELECT * FROM document LIMIT 1)"
    ))
    .unwrap();
}

fn rebuilding(data: &Folder) -> Process {
    ProcessBuilder::new("rebuild-videos", binary("linkrelay"))
        .arg("rebuild-videos")
        .env("DATA_DIR", data.display().to_string())
        .env_remove("MONGODB_URI")
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rebuild_prints_the_command_that_goes_on_beside_a_running_up() {
    let data = tempfile::tempdir().unwrap();
    let (_fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    let id = relay.post_valid(&json!(links(0..1))).await;
    relay.until_nothing_is_pending(&id).await;
    add_old_documents(data.path());

    let mut process = rebuilding(data.path());
    // More than one page, behind which it can go on.
    until("the first rows", async || {
        let rows = count(data.path(), "video");
        ok_if(rows > 500, rows.to_string())
    })
    .await;
    process.interrupt().unwrap();
    let status = process.wait(LONG).await.unwrap();
    let log = process.stderr().unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    let rows = count(data.path(), "video");
    assert!(rows < MANY, "{rows} rows: it had ended before");
    let command = log.split("go on with: ").nth(1).unwrap_or_else(|| panic!("{log}")).trim();
    let words: Vec<&str> = command.split(' ').collect();
    let [program, "rebuild-videos", "--after", after] = words[..] else { panic!("{command}") };

    let mut again = Command::new(program);
    again.args(["rebuild-videos", "--after", after]).env("DATA_DIR", data.path());
    let said: Said = run(again.env_remove("MONGODB_URI"));
    assert_eq!(said.code, Some(0), "{}", said.all());
    assert!(!said.stdout.contains(&format!("documents read {}", MANY + 1)), "{}", said.stdout);
    // The running process goes on writing.
    let id = relay.post_valid(&json!(links(0..3))).await;
    assert_eq!(relay.until_nothing_is_pending(&id).await["stored"], 3);
    until_is("all rows", MANY + 3, async || count(data.path(), "video")).await;

    let file = Connection::open(data.path().join("linkrelay.sqlite")).unwrap();
    file.execute("DELETE FROM document WHERE id = 'old:000007'", []).unwrap();
    drop(file);
    let mut last = rebuilding(data.path());
    assert!(last.wait(LONG).await.unwrap().success());
    let out = last.stdout().unwrap();
    assert!(out.starts_with("no document of v0000000007\n"), "{out}");
    assert!(out.ends_with("rows without documents 1\n"), "{out}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_a_store_is_a_wrong_setting() {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("linkrelay"));
    command.arg("rebuild-videos").env("DATA_DIR", data.path().join("missing"));
    let said = run(command.env_remove("MONGODB_URI"));
    assert_eq!(said.code, Some(2), "{}", said.all());
    assert!(said.stderr.contains("DATA_DIR"), "{}", said.all());
}
