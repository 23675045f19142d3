//! How far the consumers are behind: one reading for all clients that ask within two seconds.
//!
//! It must not know: how the broker is asked, or how the answer is shown.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use linkrelay_kafka::lag::{self, GroupLag, LagError};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an answer is served, counted from when its reading began.
const KEPT_FOR: Duration = Duration::from_secs(2);
/// The longest that a reading takes.
const LONGEST: Duration = Duration::from_secs(8);

type Answer = Result<Arc<GroupLag>, Arc<LagError>>;

/// The newest reading, which may still run.
#[derive(Debug)]
struct Newest {
    begun: Instant,
    answer: watch::Receiver<Option<Answer>>,
}

impl Newest {
    fn is_current(&self) -> bool {
        let runs = self.answer.borrow().is_none() && self.answer.has_changed().is_ok();
        runs || self.begun.elapsed() < KEPT_FOR
    }
}

/// Reads the lag.
#[derive(Debug)]
pub(crate) struct LagReading {
    kafka: KafkaSettings,
    group: GroupSettings,
    longest: Duration,
    newest: Mutex<Option<Newest>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl LagReading {
    /// Makes it; a client waits for `timeout`. A reading ends soon after `stop` is cancelled.
    pub(crate) fn new(
        kafka: KafkaSettings,
        group: GroupSettings,
        timeout: Duration,
        stop: CancellationToken,
    ) -> Self {
        // A reading answers with what it has before its clients give up.
        let longest = LONGEST.min(timeout * 4 / 5);
        Self { kafka, group, longest, newest: Mutex::default(), tasks: TaskTracker::new(), stop }
    }

    /// Returns the lag; `None` if its reading ended without an answer.
    ///
    /// # Errors
    /// [`LagError`] if the broker does not say which partitions there are.
    pub(crate) async fn get(&self) -> Option<Answer> {
        let mut answer = self.newest();
        let known = answer.wait_for(Option::is_some).await.ok()?;
        known.clone()
    }

    /// Returns a task that ends when the role stops and no reading runs.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (stop, tasks) = (self.stop.clone(), self.tasks.clone());
        async move {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        }
    }

    /// Returns the newest reading, or begins another one if that is too old.
    fn newest(&self) -> watch::Receiver<Option<Answer>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = newest.as_ref().filter(|newest| newest.is_current()) {
            return newest.answer.clone();
        }
        let answer = self.begin();
        *newest = Some(Newest { begun: Instant::now(), answer: answer.clone() });
        answer
    }

    fn begin(&self) -> watch::Receiver<Option<Answer>> {
        let (sender, answer) = watch::channel(None);
        let (kafka, group) = (self.kafka.clone(), self.group.clone());
        let (stop, deadline) = (self.stop.clone(), std::time::Instant::now() + self.longest);
        // librdkafka blocks, also when its client is dropped.
        self.tasks.spawn_blocking(move || {
            let read = lag::read(&kafka, &group, deadline, &|| stop.is_cancelled());
            sender.send_replace(Some(read.map(Arc::new).map_err(Arc::new)));
        });
        answer
    }
}
