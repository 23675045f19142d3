//! Copies of a file that is being written.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::contract::sample;
use linkrelay_store::sqlite::{CopyStep, StoreFileError, backup};
use linkrelay_store::{LinkStore, SqliteStore};
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

use crate::{TestStore, file};

/// Copies without a look at its steps.
pub(crate) fn copy(from: &Path, to: &Path, may_replace: bool) -> Result<u64, StoreFileError> {
    backup(from, to, may_replace, &CancellationToken::new(), &mut |_| ())
}

pub(crate) async fn write(store: &SqliteStore, links_count: u32) -> Vec<DocumentId> {
    let request_id = RequestId::new(links_count);
    let documents: Vec<_> =
        (0..links_count).map(|index| sample::stored(request_id, index)).collect();
    store.write_batch(&documents).await.unwrap();
    documents.into_iter().map(|document| document.id).collect()
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Other processes write all the time, and the copy ends and has one moment's content: each
/// transaction of theirs as a whole, and all that was written before.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_one_moment_of_a_file_that_is_always_written() {
    let opened = TestStore::open();
    // The index of older videos, which the file's own thread makes, is not one of these writes.
    let before = write(&opened.store, 2_000).await;
    let target = opened.directory.path().join("copy");
    let is_over = AtomicBool::new(false);
    let writes = async {
        let other = opened.second_handle();
        let count = "CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER);";
        let raw = Connection::open(file(&opened.directory)).unwrap();
        raw.busy_timeout(Duration::from_secs(10)).unwrap();
        raw.execute_batch(count).unwrap();
        let mut rounds = 0;
        while !is_over.load(Ordering::Relaxed) {
            raw.execute_batch(
                "BEGIN IMMEDIATE; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); COMMIT",
            )
            .unwrap();
            write(&other, 2).await;
            rounds += 1;
        }
        rounds
    };
    let copying = async {
        let (from, to) = (file(&opened.directory), target.clone());
        let mut steps = Vec::new();
        let copied = tokio::task::spawn_blocking(move || {
            let stop = CancellationToken::new();
            let bytes = backup(&from, &to, false, &stop, &mut |step| steps.push(step));
            (bytes.unwrap(), steps)
        });
        // Until it has ended beside the writes, which go on.
        let copied = copied.await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        copied
    };
    let (rounds, (bytes, steps)) = tokio::join!(writes, copying);
    assert!(rounds > 0);
    let is_last = |step: &CopyStep| *step == CopyStep::Checking;
    assert_eq!(steps.iter().position(is_last), Some(steps.len() - 1), "{steps:?}");
    assert!(steps.contains(&CopyStep::Copied { bytes, total_bytes: bytes }), "{steps:?}");
    assert!(steps.len() > 2, "more than one step: {steps:?}");

    assert_eq!(fs::metadata(&target).unwrap().len(), bytes);
    let copied = SqliteStore::open(&target).unwrap();
    assert_eq!(copied.find(&before).await.unwrap().len(), before.len());
    let raw = Connection::open(&target).unwrap();
    // The tables may be younger than the copy.
    let sizes = "SELECT (SELECT count(*) FROM a) - (SELECT count(*) FROM b)";
    let difference = raw.query_row(sizes, [], |row| row.get::<_, i64>(0));
    assert!(matches!(difference, Ok(0) | Err(_)), "{difference:?}");
}

#[tokio::test]
async fn a_copy_replaces_no_file_unless_it_may_and_leaves_nothing_incomplete() {
    let opened = TestStore::open();
    write(&opened.store, 3).await;
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (file(&opened.directory), folder.path().join("copy"));
    fs::write(&to, "mine").unwrap();
    // A killed process has left it.
    fs::write(folder.path().join("copy.part"), "incomplete").unwrap();
    assert!(matches!(copy(&from, &to, false), Err(StoreFileError::Exists(_))));
    assert_eq!(fs::read_to_string(&to).unwrap(), "mine");

    let stop = CancellationToken::new();
    let stopped = backup(&from, &to, true, &stop, &mut |_| stop.cancel());
    assert!(matches!(stopped, Err(StoreFileError::Stopped)), "{stopped:?}");
    assert_eq!(
        (fs::read_to_string(&to).unwrap().as_str(), names(folder.path())),
        ("mine", vec!["copy".to_owned()])
    );

    copy(&from, &to, true).unwrap();
    assert_eq!(names(folder.path()), ["copy"]);
}

#[tokio::test]
async fn what_can_be_no_copy_is_refused_and_the_store_is_unharmed() {
    let opened = TestStore::open();
    let ids = write(&opened.store, 3).await;
    let (store, folder) = (file(&opened.directory), opened.directory.path());
    let link = folder.join("link");
    std::os::unix::fs::symlink(&store, &link).unwrap();
    for target in [
        folder.to_owned(),
        store.clone(),
        folder.join("store.sqlite-wal"),
        folder.join("store.sqlite-journal"),
        folder.join("store.sqlite.lock"),
        folder.join("../").join(folder.file_name().unwrap()).join("store.sqlite"),
        link,
    ] {
        let refused = copy(&store, &target, true);
        assert!(matches!(refused, Err(StoreFileError::NoTarget { .. })), "{target:?} {refused:?}");
    }
    let missing = copy(&folder.join("missing"), &folder.join("copy"), false);
    assert!(matches!(missing, Err(StoreFileError::Missing(_))), "{missing:?}");
    let nowhere = copy(&store, &folder.join("missing/copy"), false);
    assert!(nowhere.unwrap_err().to_string().contains("missing/copy.part"));
    assert_eq!(opened.reopen().store.find(&ids).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_file_that_another_process_copies_to_is_left_to_it() {
    let opened = TestStore::open();
    write(&opened.store, 3).await;
    let (from, to) = (file(&opened.directory), opened.directory.path().join("copy"));
    let stop = CancellationToken::new();
    let mut second = None;
    let first = backup(&from, &to, false, &stop, &mut |_| {
        second.get_or_insert_with(|| copy(&from, &to, false));
    });
    first.unwrap();
    let refusal = second.unwrap().unwrap_err().to_string();
    assert!(refusal.contains("another process is writing it"), "{refusal}");
    assert!(!opened.directory.path().join("copy.part").exists());
}
