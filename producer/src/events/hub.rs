//! One poll of the store for all watchers of a request, at most once a second.
//!
//! A poll ends with its request, at the stop, or when it finds no watcher after a pause, so that a
//! client that comes back soon joins the poll that there is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use linkrelay_common::{RequestId, metrics as names};
use linkrelay_store::LinkStore;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::progress::{Progress, Reader};
use super::ranges::IndexRanges;
use super::watcher::Watcher;
use crate::slots::{Kind, Slots, TooMany};

/// The pause after a poll that found something.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after polls that found nothing, or failed; each one doubles it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How streams are counted.
const STREAMS: Kind = Kind {
    what: "event streams",
    setting: "MAX_EVENT_STREAMS",
    gauge: names::EVENT_STREAMS,
    code: "too_many_streams",
};

/// The requests that are watched.
#[derive(Debug)]
pub(crate) struct Hub {
    store: Arc<dyn LinkStore>,
    store_timeout: Duration,
    streams: Arc<Slots>,
    requests: Arc<Requests>,
    polls: TaskTracker,
    stop: CancellationToken,
}

type Requests = Mutex<HashMap<RequestId, watch::Sender<Progress>>>;

impl Hub {
    /// Makes a hub for at most `max_streams` watchers, which ends all streams and polls when `stop`
    /// is cancelled. A poll may take `store_timeout`.
    pub(crate) fn new(
        store: Arc<dyn LinkStore>,
        store_timeout: Duration,
        max_streams: usize,
        stop: CancellationToken,
    ) -> Self {
        Self {
            store,
            store_timeout,
            streams: Arc::new(Slots::new(STREAMS, max_streams)),
            requests: Arc::default(),
            polls: TaskTracker::new(),
            stop,
        }
    }

    /// Watches a request for a client that has the links `seen`. Must be called within a runtime.
    ///
    /// # Errors
    /// [`TooMany`] if there are as many as there may be.
    pub(crate) fn watch(&self, id: RequestId, seen: IndexRanges) -> Result<Watcher, TooMany> {
        let slot = self.streams.open()?;
        let mut requests = lock(&self.requests);
        let progress = match requests.get(&id) {
            Some(sender) => sender.subscribe(),
            // A poll outlives its last watcher by a pause, and counts until then.
            None if requests.len() >= self.streams.max() => {
                return Err(self.streams.too_many());
            }
            None => {
                let reader = Reader::new(id);
                let (sender, progress) = watch::channel(reader.unknown());
                requests.insert(id, sender.clone());
                let poll = Poll {
                    id,
                    sender,
                    requests: Arc::clone(&self.requests),
                    streams: Arc::clone(&self.streams),
                    store: Arc::clone(&self.store),
                    store_timeout: self.store_timeout,
                };
                let stop = self.stop.clone();
                self.polls.spawn(async move { stop.run_until_cancelled(poll.run(reader)).await });
                progress
            }
        };
        Ok(Watcher::new(progress, seen, self.stop.clone(), slot))
    }

    /// Returns a task that ends when the hub is stopped and all of its polls have ended.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (stop, polls) = (self.stop.clone(), self.polls.clone());
        async move {
            stop.cancelled().await;
            polls.close();
            polls.wait().await;
        }
    }
}

fn lock(requests: &Requests) -> MutexGuard<'_, HashMap<RequestId, watch::Sender<Progress>>> {
    // The map is consistent after every step, so a panic elsewhere does no harm.
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The poll of one request; its drop, also by a panic, ends the streams of its watchers.
struct Poll {
    id: RequestId,
    sender: watch::Sender<Progress>,
    requests: Arc<Requests>,
    streams: Arc<Slots>,
    store: Arc<dyn LinkStore>,
    store_timeout: Duration,
}

impl Poll {
    async fn run(self, mut reader: Reader) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let begin = Instant::now();
            let is_news = self.poll(&mut reader).await;
            self.streams.measure();
            if reader.is_complete() {
                return;
            }
            pause = if is_news { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            // A slow store is at most half of the time busy with one request.
            sleep(pause.max(begin.elapsed())).await;
            if self.ends_without_watchers() {
                return;
            }
        }
    }

    /// Polls once and publishes the result; returns whether a link has become done.
    async fn poll(&self, reader: &mut Reader) -> bool {
        let polled = timeout(self.store_timeout, reader.poll(self.store.as_ref())).await;
        let error = match polled {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the store did not answer in time".to_owned()),
        };
        let mut is_news = false;
        self.sender.send_if_modified(|progress| {
            is_news = reader.publish(progress);
            let is_down = error.is_some();
            let is_changed = is_news || !progress.is_known || progress.is_store_down != is_down;
            if is_down && !progress.is_store_down {
                let error = error.as_deref().unwrap_or_default();
                tracing::warn!(id = %self.id, "events of request {} wait: {error}", self.id);
            }
            progress.is_known |= !is_down;
            progress.is_store_down = is_down;
            is_changed
        });
        is_news
    }

    /// Removes the request if it has no watcher; none can come meanwhile, because that needs the
    /// same lock.
    fn ends_without_watchers(&self) -> bool {
        let mut requests = lock(&self.requests);
        let has_none = self.sender.receiver_count() == 0;
        if has_none {
            requests.remove(&self.id);
        }
        has_none
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let mut requests = lock(&self.requests);
        // After the removal above, another poll may have begun.
        if requests.get(&self.id).is_some_and(|sender| sender.same_channel(&self.sender)) {
            requests.remove(&self.id);
        }
    }
}
