//! What a store must do with jobs.

use futures::future::try_join_all;
use jiff::Timestamp;

use super::sample::time;
use crate::jobs::{Job, JobBegin, JobState};
use crate::{Store, StoreError};

/// A job that began in this second.
fn job(id: &str, second: i64) -> Job {
    Job {
        id: id.to_owned(),
        kind: "count".to_owned(),
        state: JobState::Running,
        arguments: r#"{"to":7}"#.to_owned(),
        progress: "{}".to_owned(),
        error: None,
        begun_at: at(second),
        updated_at: at(second),
    }
}

fn at(second: i64) -> Timestamp {
    time(second * 1_000 + 1)
}

/// The row has what was written last, and what is written after the end changes nothing.
pub async fn a_job_is_read_as_it_was_written_last(store: &dyn Store) -> Result<(), StoreError> {
    let first = job("a", 10);
    assert_eq!(store.begin_job(&first, at(5)).await?, JobBegin::Begun);
    assert_eq!(store.job("a").await?.as_ref(), Some(&first));
    let later = Job { progress: r#"{"done":3}"#.to_owned(), updated_at: at(11), ..first.clone() };
    assert!(store.update_job(&later).await?);
    assert_eq!(store.job("a").await?, Some(later.clone()));
    let error = Some("no \"room\"".to_owned());
    let failed = Job { state: JobState::Failed, error, updated_at: at(12), ..later };
    assert!(store.update_job(&failed).await?);
    assert!(!store.update_job(&first).await?);
    assert_eq!(store.job("a").await?, Some(failed));
    assert!(!store.update_job(&job("b", 10)).await?);
    for id in ["b", "running:count"] {
        assert_eq!(store.job(id).await?, None, "{id}");
    }
    Ok(())
}

/// Another one begins once the first has ended, or has been silent for too long.
pub async fn one_job_of_a_kind_runs_at_a_time(store: &dyn Store) -> Result<(), StoreError> {
    let first = job("a", 10);
    store.begin_job(&first, at(5)).await?;
    let second = job("b", 20);
    assert_eq!(store.begin_job(&second, at(10)).await?, JobBegin::Running(first.clone()));
    assert_eq!(store.job("b").await?, None);
    let other_kind = Job { kind: "sum".to_owned(), ..job("c", 20) };
    assert_eq!(store.begin_job(&other_kind, at(10)).await?, JobBegin::Begun);
    // A heartbeat keeps it alive.
    let alive = Job { updated_at: at(18), ..first.clone() };
    assert!(store.update_job(&alive).await?);
    assert_eq!(store.begin_job(&second, at(15)).await?, JobBegin::Running(alive.clone()));

    assert_eq!(store.begin_job(&second, at(19)).await?, JobBegin::Begun);
    assert!(!store.update_job(&first).await?, "it was silent, and the other one has begun");
    let interrupted = Job { state: JobState::Interrupted, ..alive };
    assert_eq!(store.job("a").await?, Some(interrupted));
    assert!(store.update_job(&Job { state: JobState::Done, ..second }).await?);
    assert_eq!(store.begin_job(&job("d", 21), at(15)).await?, JobBegin::Begun);
    Ok(())
}

/// The store decides which of them begins.
pub async fn of_jobs_that_begin_at_the_same_time_one_does(
    store: &dyn Store,
) -> Result<(), StoreError> {
    // A silent one, which each of them wants to replace.
    store.begin_job(&job("a", 1), at(0)).await?;
    let jobs: Vec<Job> = (0..8).map(|number| job(&format!("b{number}"), 100)).collect();
    let begun = try_join_all(jobs.iter().map(|job| store.begin_job(job, at(50)))).await?;
    let winners: Vec<&Job> = jobs
        .iter()
        .zip(&begun)
        .filter(|(_, begun)| **begun == JobBegin::Begun)
        .map(|(job, _)| job)
        .collect();
    let [winner] = winners[..] else { panic!("{begun:?}") };
    let losers = begun.iter().filter(|begun| **begun != JobBegin::Begun);
    assert!(losers.clone().all(|loser| *loser == JobBegin::Running(winner.clone())), "{begun:?}");
    assert_eq!(losers.count(), 7);
    assert_eq!(store.jobs("count", None, 100).await?.len(), 2);
    Ok(())
}

/// Pages have each job once, the newest first; old ones are removed.
pub async fn jobs_come_newest_first_and_old_ones_are_removed(
    store: &dyn Store,
) -> Result<(), StoreError> {
    for (number, id) in (0..).zip(["a", "b", "c", "d", "e"]) {
        let job = job(id, 10 + number);
        store.begin_job(&job, at(5)).await?;
        store.update_job(&Job { state: JobState::Done, ..job }).await?;
    }
    let ids = async |before: Option<&str>| {
        let jobs = store.jobs("count", before, 2).await?;
        Ok::<_, StoreError>(jobs.into_iter().map(|job| job.id).collect::<Vec<_>>())
    };
    assert_eq!(ids(None).await?, ["e", "d"]);
    assert_eq!(ids(Some("d")).await?, ["c", "b"]);
    assert_eq!(ids(Some("b")).await?, ["a"]);
    assert_eq!(store.jobs("sum", None, 2).await?, []);
    assert_eq!(store.remove_jobs(at(13)).await?, 3);
    assert_eq!(ids(None).await?, ["e", "d"]);
    assert_eq!(ids(Some("d")).await?, [""; 0]);
    Ok(())
}
