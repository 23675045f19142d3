//! A few threads for work that keeps a CPU busy and may panic, separate from the runtime's.
//!
//! It must not know: what the work is.

use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver as EndReceiver, RecvTimeoutError, Sender as EndSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// How long a drop waits for jobs in progress; a call takes some 40 ms.
const END_GRACE: Duration = Duration::from_secs(2);

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PoolError {
    /// The job panicked; the thread continues with a new worker.
    #[error("the reader panicked")]
    Panicked,
    /// There is no thread left.
    #[error("the reader has stopped")]
    Closed,
}

struct PoolJob<I, O> {
    input: I,
    reply: oneshot::Sender<O>,
}

/// Threads that turn inputs into outputs.
///
/// Dropping it ends the threads; it waits for jobs in progress, but only for a limited time.
pub(super) struct CpuPool<I, O> {
    jobs: Option<mpsc::Sender<PoolJob<I, O>>>,
    threads: Vec<JoinHandle<()>>,
    /// Disconnected when the last thread has ended.
    ended: Mutex<EndReceiver<Infallible>>,
}

impl<I: Send + 'static, O: Send + 'static> CpuPool<I, O> {
    /// Starts `threads_count` threads with a queue of `queue_len` (at least one of each). Each
    /// thread makes its own worker, and a new one after a panic.
    pub(super) fn start<W>(
        name: &str,
        threads_count: usize,
        queue_len: usize,
        make: impl Fn() -> W + Clone + Send + 'static,
    ) -> Self
    where
        W: FnMut(I) -> O,
    {
        let (jobs, queue) = mpsc::channel(queue_len.max(1));
        let queue = Arc::new(Mutex::new(queue));
        // Nothing is ever sent: the channel is closed when the last thread has ended.
        let (end, ended) = std::sync::mpsc::channel();
        let threads = (0..threads_count.max(1)).filter_map(|_| {
            let (queue, end, make) = (queue.clone(), end.clone(), make.clone());
            let thread = std::thread::Builder::new().name(name.to_owned());
            let spawned = thread.spawn(move || work(&queue, end, make));
            let log = |error: &std::io::Error| {
                tracing::error!("a thread of the pool {name} cannot be started: {error}");
            };
            spawned.inspect_err(log).ok()
        });
        Self { threads: threads.collect(), jobs: Some(jobs), ended: Mutex::new(ended) }
    }

    /// Lets a thread work on the input, and returns the output.
    ///
    /// # Errors
    /// The job panicked, or there is no thread left.
    ///
    /// # Cancel safety
    /// If the call is dropped, an input that waits is skipped, and the output of one that is being
    /// worked on is discarded; in either case its slot in the queue becomes free.
    pub(super) async fn run(&self, input: I) -> Result<O, PoolError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(PoolError::Closed)?;
        jobs.send(PoolJob { input, reply }).await.map_err(|_| PoolError::Closed)?;
        // Only a panic drops the reply of a job that was taken.
        answer.await.map_err(|_| PoolError::Panicked)
    }
}

fn work<I, O, W: FnMut(I) -> O>(
    queue: &Mutex<mpsc::Receiver<PoolJob<I, O>>>,
    _end: EndSender<Infallible>,
    make: impl Fn() -> W,
) {
    let mut worker = make();
    while let Some(job) = next(queue) {
        if job.reply.is_closed() {
            continue;
        }
        // The worker is discarded after a panic, so its inconsistent state is never used.
        match catch_unwind(AssertUnwindSafe(|| worker(job.input))) {
            Ok(output) => {
                let _caller_has_left = job.reply.send(output).is_err();
            }
            Err(_) => worker = make(),
        }
    }
}

/// Waits for the next job; returns `None` once the pool is dropped.
fn next<I, O>(queue: &Mutex<mpsc::Receiver<PoolJob<I, O>>>) -> Option<PoolJob<I, O>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

impl<I, O> Drop for CpuPool<I, O> {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(END_GRACE) == Err(RecvTimeoutError::Timeout) {
            // The crate's code cannot be interrupted, and the process must not hang on it.
            tracing::warn!(
                "a thread of a reader is still busy after {END_GRACE:?}, so it is left running"
            );
            return;
        }
        for thread in self.threads.drain(..) {
            // A job's panic was caught within the thread, so there is no error to report.
            let _ended = thread.join();
        }
    }
}

impl<I, O> fmt::Debug for CpuPool<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuPool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_one_answer_and_the_thread_continues() {
        let workers = Arc::new(AtomicUsize::new(0));
        let made = workers.clone();
        let pool = CpuPool::start("test", 1, 1, move || {
            made.fetch_add(1, Ordering::SeqCst);
            |input: u32| {
                assert!(input != 0, "this panic is part of the test");
                input * 2
            }
        });
        assert_eq!(pool.run(4).await, Ok(8));
        assert_eq!(pool.run(0).await, Err(PoolError::Panicked));
        assert_eq!(pool.run(5).await, Ok(10));
        assert_eq!(workers.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_dropped_call_frees_its_slot_and_is_not_worked_on() {
        let (go, wait) = channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let worked = Arc::new(AtomicUsize::new(0));
        let count = worked.clone();
        let pool = CpuPool::start("test", 1, 1, move || {
            let (wait, count) = (wait.clone(), count.clone());
            move |input: u32| {
                count.fetch_add(1, Ordering::SeqCst);
                wait.lock().unwrap().recv().unwrap();
                input
            }
        });
        let mut busy = Box::pin(pool.run(1));
        assert!(poll!(&mut busy).is_pending());
        while worked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            // The first fills the queue; the others wait for a slot until they are dropped.
            let mut dropped = Box::pin(pool.run(2));
            assert!(poll!(&mut dropped).is_pending());
        }
        go.send(()).unwrap();
        assert_eq!(busy.await, Ok(1));
        go.send(()).unwrap();
        assert_eq!(pool.run(3).await, Ok(3));
        assert_eq!(worked.load(Ordering::SeqCst), 2, "a dropped call was worked on");
    }

    #[test]
    fn a_drop_ends_every_thread() {
        let alive = Arc::new(());
        let held = alive.clone();
        let pool = CpuPool::start("test", 3, 1, move || {
            let held = held.clone();
            move |(): ()| drop(held.clone())
        });
        drop(pool);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
