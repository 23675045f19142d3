//! The jobs of the store in memory.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{FaultyStore, Method};
use crate::StoreError;
use crate::jobs::{Job, JobBegin, JobState, JobStore};

/// The jobs by id.
pub(super) type JobsById = BTreeMap<String, Job>;

impl FaultyStore {
    fn lock_jobs(&self) -> MutexGuard<'_, JobsById> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl JobStore for FaultyStore {
    async fn begin_job(&self, job: &Job, alive_since: Timestamp) -> Result<JobBegin, StoreError> {
        self.call(Method::BeginJob, 1).await?;
        let mut jobs = self.lock_jobs();
        let of_kind = |other: &&Job| other.kind == job.kind && other.is_alive(alive_since);
        if let Some(running) = jobs.values().find(of_kind) {
            return Ok(JobBegin::Running(running.clone()));
        }
        for other in jobs.values_mut() {
            if other.kind == job.kind && other.state == JobState::Running {
                other.state = JobState::Interrupted;
            }
        }
        jobs.insert(job.id.clone(), job.clone());
        Ok(JobBegin::Begun)
    }

    async fn update_job(&self, job: &Job) -> Result<bool, StoreError> {
        self.call(Method::UpdateJob, 1).await?;
        let mut jobs = self.lock_jobs();
        let running = jobs.get_mut(&job.id).filter(|known| known.state == JobState::Running);
        let Some(known) = running else { return Ok(false) };
        let Job { state, progress, error, updated_at, .. } = job.clone();
        *known = Job { state, progress, error, updated_at, ..known.clone() };
        Ok(true)
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        self.call(Method::Job, 1).await?;
        Ok(self.lock_jobs().get(id).cloned())
    }

    async fn jobs(
        &self,
        kind: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        self.call(Method::Jobs, 0).await?;
        let jobs = self.lock_jobs();
        let newest = jobs
            .values()
            .rev()
            .filter(|job| job.kind == kind && before.is_none_or(|before| job.id.as_str() < before));
        Ok(newest.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn remove_jobs(&self, updated_before: Timestamp) -> Result<u64, StoreError> {
        self.call(Method::RemoveJobs, 0).await?;
        let mut jobs = self.lock_jobs();
        let before = jobs.len();
        jobs.retain(|_, job| job.updated_at >= updated_before);
        Ok((before - jobs.len()) as u64)
    }
}
