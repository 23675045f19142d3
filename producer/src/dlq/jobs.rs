//! Replays as jobs: a row in the store, so that any producer answers for it.
//!
//! Over all producers one runs at a time: each reads at its beginning which replays are in flight,
//! so two at once could publish the same dead letter twice.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::with_causes;
use linkrelay_store::jobs::{Job, JobBegin, JobState};
use linkrelay_store::{LinkStore, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::{DlqError, for_clients};
use super::letter::DeadLetter;
use super::replay::{Observe, Replay, ReplayOptions};
use super::source::LetterSource;
use super::tally::Tally;

/// The kind of these jobs.
pub(crate) const KIND: &str = "dlq_replay";
/// How often a job writes its row.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A row that is older than this is of a process that was killed.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);
/// How long the row of a job is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long one attempt to write the row may take, and how many there are at the end of a job.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const LAST_WRITES: u32 = 5;
/// How many tasks there may be; all but one only find that another job runs.
const MAX_TASKS: usize = 8;

/// Begins replays, and runs those that this process has begun.
#[derive(Debug)]
pub(crate) struct ReplayJobs {
    source: LetterSource,
    store: Arc<dyn Store>,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Why a replay does not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    #[error("another replay runs; two at once could publish the same dead letter twice")]
    Running(Box<Job>),
    #[error("too many replays begin at the same time")]
    Busy,
    #[error("this server is stopping")]
    Stopping,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a job has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct JobProgress {
    /// How many dead letters are decided one by one; unknown while they are read.
    pub(crate) total: Option<u64>,
    /// How many of them are.
    pub(crate) done: u64,
    pub(crate) counts: Tally,
}

impl ReplayJobs {
    /// Makes it; all jobs are interrupted when `stop` is cancelled.
    pub(crate) fn new(
        source: LetterSource,
        store: Arc<dyn Store>,
        stop: CancellationToken,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_TASKS));
        Self { source, store, permits, tasks: TaskTracker::new(), stop }
    }

    /// Returns once all jobs have ended after the stop.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (stop, tasks) = (self.stop.clone(), self.tasks.clone());
        async move {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        }
    }

    /// Begins a replay, which then runs in a task of its own. `arguments` say what was asked for.
    ///
    /// # Errors
    /// [`BeginError`] if it does not begin.
    ///
    /// # Cancel safety
    /// If the call is dropped, the replay may begin nevertheless; its row then says so.
    pub(crate) async fn begin(
        &self,
        options: ReplayOptions,
        arguments: String,
    ) -> Result<Job, BeginError> {
        if self.stop.is_cancelled() {
            return Err(BeginError::Stopping);
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| BeginError::Busy)?;
        let (reply, begun) = oneshot::channel();
        let task = JobTask {
            source: self.source.clone(),
            store: Arc::clone(&self.store),
            stop: self.stop.child_token(),
        };
        self.tasks.spawn(async move {
            let _permit = permit;
            let begun = task.begin(arguments).await;
            let job = begun.as_ref().ok().cloned();
            // The client may have disconnected; its job has begun nevertheless.
            let _client_has_left = reply.send(begun).is_err();
            if let Some(job) = job {
                task.run(job, options).await;
            }
        });
        begun.await.unwrap_or(Err(BeginError::Stopping))
    }
}

/// Returns the state of a job for a reader: one that is silent was interrupted.
pub(crate) fn state(job: &Job) -> JobState {
    if job.state == JobState::Running && !job.is_alive(alive_since()) {
        return JobState::Interrupted;
    }
    job.state
}

fn alive_since() -> Timestamp {
    Timestamp::now().checked_sub(SILENCE).unwrap_or(Timestamp::MIN)
}

struct JobTask {
    source: LetterSource,
    store: Arc<dyn Store>,
    /// Cancelled at the stop of the process, or when another job has begun.
    stop: CancellationToken,
}

impl JobTask {
    async fn begin(&self, arguments: String) -> Result<Job, BeginError> {
        let now = Timestamp::now();
        // The form of all stores has milliseconds.
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let job = Job {
            id: Uuid::now_v7().to_string(),
            kind: KIND.to_owned(),
            state: JobState::Running,
            arguments,
            progress: json(&JobProgress::default()),
            error: None,
            begun_at: now,
            updated_at: now,
        };
        let old = now.checked_sub(KEPT_FOR).unwrap_or(Timestamp::MIN);
        self.store.remove_jobs(old).await?;
        match self.store.begin_job(&job, alive_since()).await? {
            JobBegin::Begun => Ok(job),
            JobBegin::Running(running) => Err(BeginError::Running(Box::new(running))),
        }
    }

    /// Runs a job to its end, and writes its row meanwhile.
    async fn run(&self, mut job: Job, options: ReplayOptions) {
        tracing::info!(id = job.id, arguments = job.arguments, "a replay of dead letters begins");
        let progress = SharedProgress::default();
        let work = self.replay(options, progress.clone());
        tokio::pin!(work);
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            tokio::select! {
                ended = &mut work => break ended,
                _ = heartbeat.tick() => {
                    if self.write(&mut job, &progress).await == Some(false) {
                        tracing::warn!(id = job.id, "another replay has begun: this one stops");
                        self.stop.cancel();
                    }
                }
            }
        };
        (job.state, job.error) = match ended {
            Ok(()) | Err(DlqError::Stopped) if self.stop.is_cancelled() => {
                (JobState::Interrupted, None)
            }
            Ok(()) => (JobState::Done, None),
            Err(error) => {
                tracing::warn!(id = job.id, "a replay failed: {}", with_causes(&error));
                (JobState::Failed, Some(for_clients(&error)))
            }
        };
        self.write_end(job, &progress).await;
    }

    async fn replay(
        &self,
        options: ReplayOptions,
        mut progress: SharedProgress,
    ) -> Result<(), DlqError> {
        let store: Arc<dyn LinkStore> = Arc::<dyn Store>::clone(&self.store);
        let (source, stop) = (self.source.clone(), self.stop.clone());
        let replay = Replay::prepare(source, Some(store), options, stop).await?;
        progress.set_total(replay.total());
        let (tally, ended) = replay.run(&self.stop, &mut progress).await;
        progress.progressed(&tally);
        ended
    }

    /// Makes one attempt to write the row. Returns whether the job still runs; `None` if the store
    /// does not say so.
    async fn write(&self, job: &mut Job, progress: &SharedProgress) -> Option<bool> {
        job.progress = json(&progress.get());
        job.updated_at = Timestamp::now();
        match timeout(WRITE_TIMEOUT, self.store.update_job(job)).await {
            Ok(Ok(runs)) => Some(runs),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the row of a replay is not written");
                None
            }
            Err(_) => None,
        }
    }

    /// If no attempt succeeds, the row becomes old, and the job counts as interrupted.
    async fn write_end(&self, mut job: Job, progress: &SharedProgress) {
        for _ in 0..LAST_WRITES {
            if self.write(&mut job, progress).await.is_some() {
                tracing::info!(id = job.id, state = job.state.as_str(), "a replay has ended");
                return;
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
        tracing::warn!(id = job.id, "the store was not told that a replay has ended");
    }
}

/// What a replay has done, for the task that writes its row.
#[derive(Debug, Clone, Default)]
struct SharedProgress(Arc<Mutex<JobProgress>>);

impl SharedProgress {
    fn get(&self) -> JobProgress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_total(&self, total: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total = Some(total);
    }
}

impl Observe for SharedProgress {
    fn progressed(&mut self, tally: &Tally) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (progress.done, progress.counts) = (tally.done(), *tally);
    }

    fn would_replay(&mut self, _: &DeadLetter) -> io::Result<()> {
        Ok(())
    }
}

/// Numbers and texts can always be serialized.
fn json(progress: &JobProgress) -> String {
    serde_json::to_string(progress).unwrap_or_default()
}
