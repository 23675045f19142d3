use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path as Folder, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::process::ProcessBuilder;
use linkrelay_testkit::wait::{LONG, wait_for};
use mongodb::bson::doc;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use crate::helpers::{Said, binary, links, run, video_id};
use crate::role::{stop, up};
use crate::site::{Site, count, youtube};

/// Without the signal a write beyond the limit is an error, as on a full disk; in units of 512 bytes.
const WITHIN_100_KB: &str = r#"trap '' XFSZ; ulimit -f 200; exec "$@""#;

fn linkrelay(arguments: &[&str], data: &Folder) -> Said {
    let mut command = Command::new(binary("linkrelay"));
    run(command.args(arguments).env("DATA_DIR", data))
}

fn text(path: &Folder) -> &str {
    path.to_str().unwrap()
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// A folder for a backup, and the path of the backup in it.
fn target() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.sqlite");
    (folder, file)
}

/// The folder of an `up` that has stored some links and was stopped.
async fn used_folder(count: usize) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(0..count))).await;
    relay.until_nothing_is_pending(&id).await;
    relay.stop().await;
    data
}

/// The links of the copy are stored or pending, and after the restore all of them are stored once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_a_backup_is_complete_after_its_restore() {
    let (data, (folder, saved)) = (tempfile::tempdir().unwrap(), target());
    let (fake, youtube) = youtube(Duration::from_millis(300)).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    // Some are pending in any case.
    fake.set_failure(&video_id(299), Some(Failure::Hang));
    let mut before = Vec::new();
    for request in 0..30 {
        before.push(relay.post_valid(&json!(links(request * 10..(request + 1) * 10))).await);
    }
    let backup = linkrelay(&["backup", text(&saved)], data.path());
    assert_eq!(backup.code, Some(0), "{}", backup.all());
    assert!(backup.stdout.ends_with(" MiB, checked\n"), "{}", backup.stdout);
    assert_eq!(names(folder.path()), ["saved.sqlite"]);
    let mode = fs::metadata(&saved).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let other = tempfile::tempdir().unwrap();
    let restored = linkrelay(&["restore", text(&saved)], other.path());
    let done = format!("{}/linkrelay.sqlite: restored\n", other.path().display());
    assert_eq!((restored.code, &restored.stdout), (Some(0), &done), "{}", restored.stderr);
    let pending = count(other.path(), "journal");
    assert!(pending > 0, "nothing was pending");
    fake.set_failure(&video_id(299), None);
    let again = up(other.path(), &[], &youtube).ready().await;
    for id in &before {
        assert_eq!(again.until_nothing_is_pending(id).await["stored"], 10, "{id}");
    }
    again.stop().await;
    // The ids are the table's key: each link of each request has one document.
    assert_eq!(["document", "journal"].map(|table| count(other.path(), table)), [300, 0]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backup_leaves_no_file() {
    let (data, (folder, saved)) = (used_folder(1).await, target());
    let file = Connection::open(data.path().join("linkrelay.sqlite")).unwrap();
    file.execute_batch("CREATE TABLE large AS SELECT zeroblob(300000000) AS bytes").unwrap();
    drop(file);
    let mut backup = ProcessBuilder::new("backup", binary("linkrelay"))
        .args(["backup", text(&saved), "--data-dir", text(data.path())])
        .spawn()
        .unwrap();
    let part = folder.path().join("saved.sqlite.part");
    let pause = Duration::from_millis(1);
    wait_for("the copy to begin", LONG, pause, async || {
        let size = fs::metadata(&part).map_err(|error| error.to_string())?.len();
        if size > 1_000_000 { Ok(()) } else { Err(size.to_string()) }
    })
    .await
    .unwrap();
    backup.interrupt().unwrap();
    let status = backup.wait(LONG).await.unwrap();
    let log = backup.stderr().unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("interrupted; {} is not written", saved.display())), "{log}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_a_backup_and_leaves_no_file() {
    let (data, (folder, saved)) = (used_folder(1).await, target());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WITHIN_100_KB, "sh"]).arg(binary("linkrelay"));
    let said = run(command.args(["backup", text(&saved)]).env("DATA_DIR", data.path()));
    assert_eq!(said.code, Some(1), "{}", said.all());
    let wanted = format!("{}.part: ", saved.display());
    assert!(said.stderr.contains(&wanted) && said.stderr.contains("full"), "{}", said.stderr);
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_argument_is_named_and_nothing_is_overwritten() {
    let (data, (folder, saved)) = (used_folder(1).await, target());
    let (file, missing) = (data.path().join("linkrelay.sqlite"), folder.path().join("missing"));
    linkrelay(&["backup", text(&saved)], data.path()).done();
    let bytes = fs::read(&saved).unwrap();
    for (arguments, folder, wanted) in [
        (&["backup", "-"][..], data.path(), "FILE: must be the name of a file"),
        (&["restore", "-"], &missing, "FILE: must be the name of a file"),
        (&["backup"], data.path(), "<FILE>"),
        (&["backup", text(&saved)], data.path(), "exists already; --force replaces it"),
        (&["backup", text(&file), "--force"], data.path(), "FILE: "),
        (&["backup", text(folder.path())], data.path(), "name a file in it"),
        (&["backup", text(&saved), "--force"], &missing, "DATA_DIR: there is no"),
        (&["restore", text(&missing)], data.path(), "FILE: there is no"),
        (&["restore", text(&file), "--force"], data.path(), "FILE: "),
        (&["restore", text(&saved)], data.path(), "DATA_DIR: "),
    ] {
        let said = linkrelay(arguments, folder);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.all());
        assert!(said.stderr.contains(wanted), "{arguments:?}: {}", said.stderr);
    }
    assert_eq!(fs::read(&saved).unwrap(), bytes);
    assert!(!missing.exists());
    linkrelay(&["backup", text(&saved), "--force"], data.path()).done();
    assert_eq!(count(data.path(), "document"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_waits_for_no_process_and_keeps_what_it_replaces() {
    let (data, (folder, saved)) = (used_folder(3).await, target());
    linkrelay(&["backup", text(&saved)], data.path()).done();
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(10..14))).await;
    relay.until_nothing_is_pending(&id).await;
    let refused = linkrelay(&["restore", text(&saved), "--force"], data.path());
    assert_eq!(refused.code, Some(1), "{}", refused.all());
    assert!(refused.stderr.contains("a running linkrelay uses the folder"), "{}", refused.stderr);
    assert_eq!(relay.status(&id).await["stored"], 4);
    // Its drop kills the process, whose last documents are only in the write-ahead log.
    drop(relay);

    for (content, wanted) in [("no database", "is not a store of linkrelay"), ("", "no schema")] {
        let bad = folder.path().join("bad");
        fs::write(&bad, content).unwrap();
        let said = linkrelay(&["restore", text(&bad), "--force"], data.path());
        assert_eq!(said.code, Some(1), "{}", said.all());
        assert!(said.stderr.contains(wanted), "{}", said.stderr);
    }
    assert_eq!(count(data.path(), "document"), 7);

    let done = linkrelay(&["restore", text(&saved), "--force"], data.path());
    assert_eq!(done.code, Some(0), "{}", done.all());
    let kept = done.stdout.split("the store that was there is ").nth(1).unwrap().trim();
    assert_eq!(count(data.path(), "document"), 3);
    let kept = Connection::open(kept).unwrap();
    let documents = kept.query_row("SELECT count(*) FROM document", [], |row| row.get(0));
    assert_eq!(documents, Ok(7));
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let id = relay.post_valid(&json!(links(20..21))).await;
    assert_eq!(relay.until_nothing_is_pending(&id).await["stored"], 1);
    relay.stop().await;
}

/// MongoDB has what an older dump had, and Kafka's offsets are newer.
#[tokio::test(flavor = "multi_thread")]
async fn links_that_a_restored_database_lacks_are_done_again_once_their_offsets_are_set_back() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[], &[]).await;
    let kept = producer.post_valid(&json!(links(0..20))).await;
    producer.until_nothing_is_pending(&kept).await;
    site.until_lag_is_zero().await;
    let dumped_at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    let lost = producer.post_valid(&json!(links(20..40))).await;
    producer.until_nothing_is_pending(&lost).await;
    site.until_lag_is_zero().await;
    consumer.stop().await;
    site.documents.delete_many(doc! { "request_id": &lost }).await.unwrap();
    let asked = site.fake.hits().total;

    let mut reset = Command::new(site.broker.home().join("bin/kafka-consumer-groups.sh"));
    reset.args(["--bootstrap-server", &site.broker.bootstrap_servers()]);
    reset.args(["--group", site.group(), "--topic", &site.topic]);
    run(reset.args(["--reset-offsets", "--to-datetime", &dumped_at, "--execute"])).done();
    assert_eq!(site.lag().await, 20);
    let consumer = site.ready_consumer(&[]).await;
    site.until_lag_is_zero().await;
    assert_eq!(producer.until_nothing_is_pending(&lost).await["stored"], 20);
    assert_eq!((site.documents_count().await, site.fake.hits().total), (40, asked + 20));
    stop([producer, consumer]).await;
}
