//! Jobs whose lock and row do not agree, because their process was between the two.

use jiff::Timestamp;
use linkrelay_store::JobStore;
use linkrelay_store::jobs::{Job, JobBegin, JobState};
use mongodb::bson::{DateTime, doc};

use crate::open;

fn job(id: &str, at_ms: i64) -> Job {
    let at = Timestamp::from_millisecond(at_ms).unwrap();
    Job {
        id: id.to_owned(),
        kind: "count".to_owned(),
        state: JobState::Running,
        arguments: "{}".to_owned(),
        progress: "{}".to_owned(),
        error: None,
        begun_at: at,
        updated_at: at,
    }
}

/// The row of a job that has ended is written before its lock is removed: who sees that it is over
/// may begin the next one.
#[tokio::test]
async fn a_job_begins_while_the_lock_of_one_that_has_ended_is_still_there() {
    let opened = open().await;
    let (first, second) = (job("a", 10_000), job("b", 10_001));
    let alive_since = Timestamp::from_millisecond(5_000).unwrap();
    opened.store.begin_job(&first, alive_since).await.unwrap();
    let jobs = opened.raw_collection("youtube.jobs").await;
    let lock = jobs.find_one(doc! { "_id": "running:count" }).await.unwrap().unwrap();
    let done = Job { state: JobState::Done, ..first };
    assert!(opened.store.update_job(&done).await.unwrap());
    jobs.insert_one(lock).await.unwrap();
    let begun = opened.store.begin_job(&second, alive_since).await.unwrap();
    assert_eq!(begun, JobBegin::Begun);
    assert_eq!(opened.store.job("a").await.unwrap(), Some(done));
    assert!(opened.store.update_job(&second).await.unwrap());
}

/// The lock is renewed before the row: a process that was killed between the two has a row that is
/// too old, which readers call interrupted.
#[tokio::test]
async fn a_job_begins_when_the_row_of_another_is_silent_and_its_lock_is_not() {
    let opened = open().await;
    let (first, second) = (job("a", 10_000), job("b", 20_000));
    let alive_since = |at_ms| Timestamp::from_millisecond(at_ms).unwrap();
    opened.store.begin_job(&first, alive_since(5_000)).await.unwrap();
    let jobs = opened.raw_collection("youtube.jobs").await;
    let renewed = doc! { "$set": { "updated_at": DateTime::from_millis(16_000) } };
    jobs.update_one(doc! { "_id": "running:count" }, renewed).await.unwrap();
    let begun = opened.store.begin_job(&second, alive_since(15_000)).await.unwrap();
    assert_eq!(begun, JobBegin::Begun);
    assert!(!opened.store.update_job(&first).await.unwrap(), "it continues beside the other");
    let interrupted = Job { state: JobState::Interrupted, ..first };
    assert_eq!(opened.store.job("a").await.unwrap(), Some(interrupted));
}
