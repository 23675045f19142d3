//! Long work that a process does for an operator, as rows: any process answers for it, and the row
//! of a process that was killed says so by its age.
//!
//! It must not know: what the work is.

use std::fmt::Debug;
use std::str::FromStr;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// One job. Its process writes the row again every second or so, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id, which grows with time (a UUID of version 7).
    pub id: String,
    /// What kind of work it is. At most one job of a kind runs at a time.
    pub kind: String,
    /// Whether it runs, or how it ended.
    pub state: JobState,
    /// What was asked for, as JSON.
    pub arguments: String,
    /// What is done, as JSON.
    pub progress: String,
    /// Why it failed.
    pub error: Option<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

/// Whether a job runs, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It runs, if its row was updated lately; otherwise its process was killed.
    Running,
    /// It has done all that was asked for.
    Done,
    /// It has ended with an error.
    Failed,
    /// Its process was stopped, or another job of its kind began after its row had become old.
    Interrupted,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Running, Self::Done, Self::Failed, Self::Interrupted];

    /// The state as it is written in the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

impl FromStr for JobState {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| StoreError::Unreadable(format!("{text:?} is no state of a job")))
    }
}

impl Job {
    /// Whether the job runs and its row was written at this time or later.
    pub fn is_alive(&self, since: Timestamp) -> bool {
        self.state == JobState::Running && self.updated_at >= since
    }
}

/// The outcome of [`JobStore::begin_job`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobBegin {
    /// The job may begin.
    Begun,
    /// This one of the same kind runs.
    Running(Job),
}

/// What a store does with jobs. As with [`LinkStore`](crate::LinkStore), no method retries and none
/// has a default.
#[async_trait]
pub trait JobStore: Debug + Send + Sync {
    /// Writes a new job, unless one of its kind runs whose row was written at `alive_since` or
    /// later. Those with older rows are interrupted. Of several callers, one begins.
    async fn begin_job(&self, job: &Job, alive_since: Timestamp) -> Result<JobBegin, StoreError>;

    /// Writes the state, progress, error and time of a job that runs. Returns `false`, and writes
    /// nothing, if it does not run any longer: another has begun.
    async fn update_job(&self, job: &Job) -> Result<bool, StoreError>;

    /// Returns one job.
    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError>;

    /// Returns up to `limit` jobs of a kind, the newest first, of those with an id below `before`.
    async fn jobs(
        &self,
        kind: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError>;

    /// Removes the jobs whose rows were last written before this time. Returns how many there were.
    async fn remove_jobs(&self, updated_before: Timestamp) -> Result<u64, StoreError>;
}
