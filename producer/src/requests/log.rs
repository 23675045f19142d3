//! Writes the rows of accepted requests in the background, so that no client waits for the store,
//! and none is refused because it fails: a row is only for the listing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linkrelay_common::metrics as names;
use linkrelay_common::until::until_it_works;
use linkrelay_store::requests::{RequestRow, RequestStore};
use metrics::counter;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::background::Background;

/// How many rows may wait; with its links a row has some hundred bytes.
const QUEUE_ROWS: usize = 10_000;
/// How many rows one write has.
const BATCH_ROWS: usize = 500;
/// How long the first row of a write waits for others.
const LINGER: Duration = Duration::from_millis(50);
/// The first wait after a failed write; it doubles up to [`MAX_WAIT`].
const MIN_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How long the rows that are left may take at a stop.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Takes the rows. Cheap to clone; all clones have one queue.
#[derive(Debug, Clone)]
pub(crate) struct RequestLog {
    queue: mpsc::Sender<RequestRow>,
    /// Whether it has been logged that the queue is full.
    is_full: Arc<AtomicBool>,
}

impl RequestLog {
    /// Starts the task that writes the rows.
    pub(crate) fn start(store: Arc<dyn RequestStore>, background: &mut Background) -> Self {
        let (queue, rows) = mpsc::channel(QUEUE_ROWS);
        let writer = Writer { store, rows, unwritten: Vec::new() };
        background.spawn("request log", writer.run(background.stop_token()));
        Self { queue, is_full: Arc::default() }
    }

    /// Hands a row over. While the queue is full, because the store fails or is too slow, the
    /// request is not listed.
    pub(crate) fn write(&self, row: RequestRow) {
        if self.queue.try_send(row).is_ok() {
            // One row that fits between others does not mean that it is over.
            if self.queue.capacity() > QUEUE_ROWS / 2 {
                self.is_full.store(false, Ordering::Relaxed);
            }
            return;
        }
        counter!(names::REQUESTS_UNLISTED).increment(1);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                rows = QUEUE_ROWS,
                "the store fails or is too slow, and {QUEUE_ROWS} requests wait to be listed: \
                 further ones are accepted, and are missing in GET /requests"
            );
        }
    }
}

/// The task that writes.
struct Writer {
    store: Arc<dyn RequestStore>,
    rows: mpsc::Receiver<RequestRow>,
    /// The rows of the write in flight.
    unwritten: Vec<RequestRow>,
}

impl Writer {
    async fn run(mut self, stop: CancellationToken) {
        // `None` means that it was stopped.
        let _stopped = stop.run_until_cancelled(self.write_all(LINGER)).await;
        // What is queued already is still received.
        self.rows.close();
        // `Drop` reports what is not written by then.
        let _in_time = timeout(LAST_WRITES, self.write_all(Duration::ZERO)).await;
    }

    /// Writes until the queue is closed and empty.
    ///
    /// # Cancel safety
    /// A row that is not known to be written is written by the next call.
    async fn write_all(&mut self, linger: Duration) {
        loop {
            if self.unwritten.is_empty() {
                let Some(first) = self.rows.recv().await else { return };
                self.unwritten.push(first);
                if self.rows.len() < BATCH_ROWS {
                    tokio::time::sleep(linger).await;
                }
            }
            while self.unwritten.len() < BATCH_ROWS
                && let Ok(row) = self.rows.try_recv()
            {
                self.unwritten.push(row);
            }
            self.write_batch().await;
            self.unwritten.clear();
        }
    }

    /// Tries until the store has the rows. The first failure is a warning: the store may refuse
    /// these rows alone, which its watch does not notice.
    async fn write_batch(&self) {
        let waits = std::iter::successors(Some(MIN_WAIT), |wait| Some((*wait * 2).min(MAX_WAIT)));
        let (rows, mut failures) = (self.unwritten.len(), 0_u64);
        let failed = |error| {
            if failures == 0 {
                tracing::warn!(%error, rows, "requests are listed later: {error}");
            } else {
                tracing::debug!(%error, rows, failures, "requests are listed later");
            }
            failures += 1;
        };
        until_it_works(waits, || self.store.add_requests(&self.unwritten), failed).await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let rows = self.unwritten.len() + self.rows.len();
        if rows > 0 {
            tracing::warn!(rows, "{rows} accepted requests are missing in GET /requests");
        }
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::RequestId;
    use linkrelay_store::requests::RequestPath;
    use linkrelay_store::testing::{FaultyStore, Method};
    use tokio::time::Instant;

    use super::*;

    fn row() -> RequestRow {
        RequestRow::new(RequestId::new(1), RequestPath::Kafka, false, ["https://youtu.be/x"])
    }

    async fn listed(store: &FaultyStore) -> usize {
        store.requests(None, 20_000).await.unwrap().len()
    }

    async fn until_listed(store: &FaultyStore, rows: usize) {
        while listed(store).await < rows {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rows_are_written_together_and_soon() {
        let (store, mut background) = (Arc::new(FaultyStore::default()), Background::default());
        let log = RequestLog::start(Arc::clone(&store) as _, &mut background);
        let begin = Instant::now();
        (0..BATCH_ROWS + 1).for_each(|_| log.write(row()));
        until_listed(&store, BATCH_ROWS + 1).await;
        assert_eq!(store.counts(Method::AddRequests).calls, 2);
        assert!(begin.elapsed() <= LINGER * 2 + Duration::from_millis(5), "{:?}", begin.elapsed());
        background.stop(Instant::now() + Duration::from_secs(5)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_delays_rows_and_drops_only_those_beyond_the_queue() {
        let (store, mut background) = (Arc::new(FaultyStore::default()), Background::default());
        let log = RequestLog::start(Arc::clone(&store) as _, &mut background);
        store.fail(Method::AddRequests, 0..20);
        log.write(row());
        while store.counts(Method::AddRequests).calls == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (0..QUEUE_ROWS + 5).for_each(|_| log.write(row()));
        assert!(log.is_full.load(Ordering::Relaxed));
        while store.counts(Method::AddRequests).failed < 20 {
            tokio::time::sleep(MAX_WAIT).await;
        }
        until_listed(&store, QUEUE_ROWS + 1).await;
        log.write(row());
        assert!(!log.is_full.load(Ordering::Relaxed), "the next time is logged again");
        until_listed(&store, QUEUE_ROWS + 2).await;
        background.stop(Instant::now() + Duration::from_secs(5)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_writes_what_is_queued_and_does_not_wait_long_for_a_store_that_fails() {
        for (is_down, expected) in [(false, 2_000), (true, 0)] {
            let (store, mut background) = (Arc::new(FaultyStore::default()), Background::default());
            store.set_down(is_down);
            let log = RequestLog::start(Arc::clone(&store) as _, &mut background);
            (0..2_000).for_each(|_| log.write(row()));
            let begin = Instant::now();
            background.stop(begin + Duration::from_secs(60)).await;
            assert!(begin.elapsed() <= LAST_WRITES);
            store.set_down(false);
            assert_eq!(listed(&store).await, expected, "{is_down}");
        }
    }
}
