//! What was acknowledged is in the file again, no matter how the process ended.

use std::io::BufRead;
use std::process::{Command, Stdio};

use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkStore, SqliteStore, WriteOutcome};

use crate::{TestStore, file};

/// Names the file that the child of the test below writes.
const CHILD_FILE: &str = "LINKRELAY_TEST_CHILD_FILE";

#[tokio::test]
async fn a_reopened_file_has_everything() {
    let opened = TestStore::open();
    let documents = [sample::stored(RequestId::new(1), 0)];
    opened.store.write_batch(&documents).await.unwrap();
    let reopened = opened.reopen();
    let ids = [documents[0].id.clone()];
    assert_eq!(reopened.store.find(&ids).await.unwrap(), documents);
    let again = reopened.store.write_batch(&documents).await.unwrap();
    assert_eq!(again, [WriteOutcome::AlreadyThere]);
}

#[tokio::test]
async fn two_handles_of_one_file_see_each_other() {
    let one = TestStore::open();
    let other = one.second_handle();
    let request_id = RequestId::new(60);
    let documents: Vec<_> = (0..60).map(|index| sample::stored(request_id, index)).collect();
    let (one_half, other_half) = documents.split_at(30);
    for (a, b) in one_half.chunks(3).zip(other_half.chunks(3)) {
        let (a, b) = tokio::join!(one.store.write_batch(a), other.write_batch(b));
        assert_eq!(a.unwrap().len() + b.unwrap().len(), 6);
    }
    for store in [&one.store, &other] {
        assert_eq!(store.request_counts(request_id).await.unwrap().stored, 60);
    }
}

#[test]
fn a_new_file_is_opened_by_many_threads_at_the_same_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| SqliteStore::open(&path))).collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
}

#[tokio::test]
async fn a_closed_store_refuses_writes_and_still_reads() {
    let opened = TestStore::open();
    let documents = [sample::stored(RequestId::new(1), 0)];
    opened.store.write_batch(&documents).await.unwrap();
    opened.store.close().await;
    assert!(opened.store.write_batch(&documents).await.is_err());
    assert!(opened.store.ping().await.is_err());
    assert_eq!(opened.store.find(&[documents[0].id.clone()]).await.unwrap().len(), 1);
}

/// Runs this test binary again as a child that only writes, and kills it while it does.
#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::child_that_writes_until_killed", "--nocapture"])
        .env(CHILD_FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    for line in output.lines() {
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("acknowledged ") {
            acknowledged.push(DocumentId::from_stored(id.to_owned()));
        }
        if acknowledged.len() == 30 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 30, "{acknowledged:?}");
    let found = SqliteStore::open(&path).unwrap().find(&acknowledged).await.unwrap();
    assert_eq!(found.len(), acknowledged.len());
}

/// Does nothing in a usual run, because only the test above sets the file.
#[tokio::test]
async fn child_that_writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD_FILE) else { return };
    let store = SqliteStore::open(path.as_ref()).unwrap();
    // More than the parent waits for, but a number, so that a child that is not killed also ends.
    for _ in 0..10_000 {
        let document = sample::stored(RequestId::new(1), 0);
        store.write_batch(std::slice::from_ref(&document)).await.unwrap();
        println!("acknowledged {}", document.id);
    }
}
