//! The jobs in a collection of MongoDB, as a [`JobStore`].
//!
//! Beside the jobs, the collection has one document for each kind of which a job runs. Its `_id`
//! makes sure that of several processes one begins; it is as old as the row of its job.

use async_trait::async_trait;
use futures::TryStreamExt;
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{ReadPreference, SelectionCriteria};
use serde::{Deserialize, Serialize};

use super::deadline::{CALL_TIMEOUT, within};
use super::failure::DUPLICATE_KEY;
use super::{codec, store::MongoStore};
use crate::error::StoreError;
use crate::jobs::{Job, JobBegin, JobState, JobStore};

/// How often a job tries to begin while others end.
const TRIES: usize = 5;

/// A job as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredJob {
    #[serde(rename = "_id")]
    id: String,
    kind: String,
    state: String,
    arguments: String,
    progress: String,
    error: Option<String>,
    begun_at: DateTime,
    updated_at: DateTime,
}

#[async_trait]
impl JobStore for MongoStore {
    async fn begin_job(&self, job: &Job, alive_since: Timestamp) -> Result<JobBegin, StoreError> {
        let jobs = self.jobs_collection().await?;
        within(CALL_TIMEOUT, begin(&Jobs::new(jobs), job, alive_since)).await
    }

    async fn update_job(&self, job: &Job) -> Result<bool, StoreError> {
        let jobs = self.jobs_collection().await?;
        within(CALL_TIMEOUT, update(&Jobs::new(jobs), job)).await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let jobs = self.jobs_collection().await?;
        within(CALL_TIMEOUT, Jobs::new(jobs).find(id)).await
    }

    async fn jobs(
        &self,
        kind: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let jobs = Jobs::new(self.jobs_collection().await?);
        within(CALL_TIMEOUT, page(&jobs, kind, before, limit)).await
    }

    async fn remove_jobs(&self, updated_before: Timestamp) -> Result<u64, StoreError> {
        let jobs = Jobs::new(self.jobs_collection().await?);
        let old = doc! { "updated_at": { "$lt": codec::date(updated_before) } };
        let removed = within(CALL_TIMEOUT, jobs.all.delete_many(old).into_future()).await?;
        Ok(removed.deleted_count)
    }
}

/// The collection, by the two forms of its documents.
struct Jobs {
    rows: Collection<StoredJob>,
    all: Collection<Document>,
}

impl Jobs {
    fn new(collection: &Collection<RawDocumentBuf>) -> Self {
        Self { rows: collection.clone_with_type(), all: collection.clone_with_type() }
    }

    async fn find(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let of_kind = doc! { "_id": id, "kind": { "$exists": true } };
        let found = self.rows.find_one(of_kind).selection_criteria(primary()).await?;
        found.map(Job::try_from).transpose()
    }
}

/// What decides about a job is read where it is written, also if the connection string prefers another place.
fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

fn lock_id(kind: &str) -> String {
    format!("running:{kind}")
}

async fn begin(jobs: &Jobs, job: &Job, alive_since: Timestamp) -> Result<JobBegin, StoreError> {
    let lock = lock_id(&job.kind);
    let too_old = doc! { "$lt": codec::date(alive_since) };
    // A process that is killed between the two leaves a job that does not run.
    jobs.rows.insert_one(StoredJob::from(job)).await?;
    for _ in 0..TRIES {
        jobs.all.delete_one(doc! { "_id": &lock, "updated_at": too_old.clone() }).await?;
        let own = doc! { "_id": &lock, "job": &job.id, "updated_at": codec::date(job.updated_at) };
        match jobs.all.insert_one(own).await {
            Ok(_) => {
                let silent = doc! {
                    "kind": &job.kind, "state": JobState::Running.as_str(), "updated_at": too_old,
                };
                let interrupted = doc! { "$set": { "state": JobState::Interrupted.as_str() } };
                jobs.all.update_many(silent, interrupted).await?;
                return Ok(JobBegin::Begun);
            }
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let holder = jobs.all.find_one(doc! { "_id": &lock }).selection_criteria(primary()).await?;
        let holder = holder.and_then(|lock| lock.get_str("job").ok().map(str::to_owned));
        let Some(holder) = holder else { continue };
        // The row decides, as for every reader of it: the lock is renewed before it and removed
        // after it. A job whose lock is taken away here learns it at its next update.
        if let Some(running) = jobs.find(&holder).await?.filter(|job| job.is_alive(alive_since)) {
            jobs.all.delete_one(doc! { "_id": &job.id }).await?;
            return Ok(JobBegin::Running(running));
        }
        jobs.all.delete_one(doc! { "_id": &lock, "job": holder }).await?;
    }
    jobs.all.delete_one(doc! { "_id": &job.id }).await?;
    Err(StoreError::Refused("other jobs begin and end all the time".to_owned()))
}

/// The lock first: a job that has lost it does not run any longer.
async fn update(jobs: &Jobs, job: &Job) -> Result<bool, StoreError> {
    let lock = doc! { "_id": lock_id(&job.kind), "job": &job.id };
    let updated_at = codec::date(job.updated_at);
    let renewed = doc! { "$set": { "updated_at": updated_at.clone() } };
    if jobs.all.update_one(lock.clone(), renewed).await?.matched_count == 0 {
        return Ok(false);
    }
    let running = doc! { "_id": &job.id, "state": JobState::Running.as_str() };
    let error = job.error.as_ref().map_or(Bson::Null, |error| error.as_str().into());
    let change = doc! { "$set": {
        "state": job.state.as_str(), "progress": &job.progress, "error": error,
        "updated_at": updated_at,
    } };
    let is_written = jobs.all.update_one(running, change).await?.matched_count == 1;
    if job.state != JobState::Running {
        jobs.all.delete_one(lock).await?;
    }
    Ok(is_written)
}

async fn page(
    jobs: &Jobs,
    kind: &str,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Job>, StoreError> {
    let mut filter = doc! { "kind": kind };
    if let Some(before) = before {
        filter.insert("_id", doc! { "$lt": before });
    }
    let found = jobs.rows.find(filter).sort(doc! { "_id": -1 }).limit(i64::from(limit)).await?;
    let found: Vec<StoredJob> = found.try_collect().await?;
    found.into_iter().map(Job::try_from).collect()
}

fn is_duplicate(error: &Error) -> bool {
    let ErrorKind::Write(WriteFailure::WriteError(refused)) = error.kind.as_ref() else {
        return false;
    };
    refused.code == DUPLICATE_KEY
}

fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millisecond())
}

impl From<&Job> for StoredJob {
    fn from(job: &Job) -> Self {
        let Job { id, kind, arguments, progress, error, .. } = job.clone();
        Self {
            id,
            kind,
            state: job.state.as_str().to_owned(),
            arguments,
            progress,
            error,
            begun_at: date(job.begun_at),
            updated_at: date(job.updated_at),
        }
    }
}

impl TryFrom<StoredJob> for Job {
    type Error = StoreError;

    fn try_from(stored: StoredJob) -> Result<Self, StoreError> {
        let StoredJob { id, kind, state, arguments, progress, error, begun_at, updated_at } =
            stored;
        Ok(Self {
            id,
            kind,
            state: state.parse()?,
            arguments,
            progress,
            error,
            begun_at: codec::time(begun_at)?,
            updated_at: codec::time(updated_at)?,
        })
    }
}
