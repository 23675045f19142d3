//! The one thread that writes, with group commit: the jobs that are queued while one transaction
//! is written to the disk form the next one, so that many callers share one fsync.
//!
//! It must not know what is written: a job is a function on the connection.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;

use super::failure;

/// How many jobs may wait; a job is a complete batch, so a few jobs are many documents.
const QUEUE_CAPACITY: usize = 64;
/// How many jobs share one transaction at most, so that the first does not wait too long.
const JOBS_PER_COMMIT: usize = 32;

/// The longest pause after a piece of idle work; a job that comes meanwhile waits for it.
const MAX_IDLE_PAUSE: Duration = Duration::from_millis(50);

/// Does a short piece of work, and returns whether there is more.
pub(super) type Idle = fn(&mut Connection) -> bool;

/// The handle of the thread. When it is dropped, the thread finishes the queued jobs and ends.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Run(Box<dyn WriteJob>),
    Close(oneshot::Sender<()>),
}

/// One caller's share of a transaction.
trait WriteJob: Send {
    /// Does the work, within a savepoint that is rolled back if this fails.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    /// Sends the caller the outcome, after the transaction was committed or rolled back.
    fn answer(self: Box<Self>, done: Result<(), StoreError>);
}

struct Task<W, T> {
    work: W,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<W, T> WriteJob for Task<W, T>
where
    W: FnMut(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, done: Result<(), StoreError>) {
        let answer = match (done, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(failure::closed()),
            (Err(error), _) => Err(error),
        };
        // The caller may have been dropped; its work is done nevertheless.
        let _caller_has_left = self.reply.send(answer).is_err();
    }
}

impl Writer {
    /// Starts the thread. While no job is queued it calls `idle`, until that has nothing to do.
    pub(super) fn start(connection: Connection, idle: Idle) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE_CAPACITY);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_until_closed(connection, queue, idle))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does `work` within a transaction; it is durable when this returns. Waits while the queue is
    /// full.
    ///
    /// # Errors
    /// Fails if the work or the commit failed; then no part of it is in the file.
    ///
    /// # Cancel safety
    /// If the call is dropped while it waits for the answer, the work is done nevertheless.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Message::Run(Box::new(Task { work, result: None, reply }));
        let jobs = self.jobs.as_ref().ok_or_else(failure::closed)?;
        jobs.send(task).await.map_err(|_| failure::closed())?;
        answer.await.map_err(|_| failure::closed())?
    }

    /// Finishes the queued jobs and ends the thread; later jobs are refused.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        let Some(jobs) = &self.jobs else { return };
        if jobs.send(Message::Close(reply)).await.is_ok() {
            // An error also means that the thread has ended.
            let _has_ended = closed.await.is_err();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the SQLite writer's thread has panicked");
        }
    }
}

fn write_until_closed(mut connection: Connection, mut queue: mpsc::Receiver<Message>, idle: Idle) {
    let mut has_more = true;
    loop {
        let first = match queue.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Empty) if has_more => {
                let begin = Instant::now();
                has_more = idle(&mut connection);
                // SQLite's lock is not fair: without a pause, other processes would seldom get it.
                std::thread::sleep(begin.elapsed().min(MAX_IDLE_PAUSE));
                continue;
            }
            Err(TryRecvError::Empty) => match queue.blocking_recv() {
                Some(message) => message,
                None => return,
            },
            Err(TryRecvError::Disconnected) => return,
        };
        let (jobs, close) = gather(first, &mut queue);
        commit(&mut connection, jobs);
        if let Some(closed) = close {
            queue.close();
            drop(connection);
            let _caller_has_left = closed.send(()).is_err();
            return;
        }
    }
}

/// Returns the jobs of the first message and of those queued behind it, up to a request to close.
fn gather(
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
) -> (Vec<Box<dyn WriteJob>>, Option<oneshot::Sender<()>>) {
    let mut jobs = Vec::new();
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Run(job) => jobs.push(job),
            Message::Close(reply) => return (jobs, Some(reply)),
        }
        next = if jobs.len() < JOBS_PER_COMMIT { queue.try_recv().ok() } else { None };
    }
    (jobs, None)
}

/// Does the jobs in one transaction, and sends each its outcome.
fn commit(connection: &mut Connection, mut jobs: Vec<Box<dyn WriteJob>>) {
    if jobs.is_empty() {
        return;
    }
    let results = match try_commit(connection, &mut jobs) {
        Ok(results) => results,
        Err(error) => vec![Err(error); jobs.len()],
    };
    for (job, result) in jobs.into_iter().zip(results) {
        job.answer(result);
    }
}

/// Returns each job's own result.
///
/// # Errors
/// The error that rolled back the complete transaction.
fn try_commit(
    connection: &mut Connection,
    jobs: &mut [Box<dyn WriteJob>],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut results = Vec::with_capacity(jobs.len());
    for job in jobs {
        let savepoint = transaction.savepoint()?;
        let result = job.run(&savepoint).and_then(|()| savepoint.commit());
        // After an error like a full disk SQLite may have rolled back the complete transaction.
        if transaction.is_autocommit() {
            result?;
            return Err(StoreError::Refused("the transaction was rolled back".to_owned()));
        }
        results.push(result.map_err(StoreError::from));
    }
    transaction.commit()?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER NOT NULL UNIQUE)").unwrap();
        Writer::start(connection, |_| false).unwrap()
    }

    async fn insert(writer: &Writer, n: i64) -> Result<usize, StoreError> {
        writer.run(move |connection| connection.execute("INSERT INTO t VALUES (?1)", [n])).await
    }

    async fn count(writer: &Writer) -> i64 {
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        };
        writer.run(count).await.unwrap()
    }

    #[tokio::test]
    async fn a_job_that_fails_does_not_affect_the_others() {
        let writer = writer();
        let jobs = [1, 2, 1, 3, 2].map(|n| insert(&writer, n));
        let results = futures::future::join_all(jobs).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3, "{results:?}");
        assert_eq!(count(&writer).await, 3);
    }

    #[tokio::test]
    async fn a_failed_job_leaves_nothing_behind() {
        let writer = writer();
        let work = |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (1)", [])?;
            connection.execute("INSERT INTO t VALUES (1)", [])
        };
        assert!(writer.run(work).await.is_err());
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn a_lost_transaction_is_an_error_for_each_of_its_jobs() {
        let writer = writer();
        let lose = |connection: &Connection| connection.execute_batch("ROLLBACK");
        let (first, lost, last) =
            tokio::join!(insert(&writer, 1), writer.run(lose), insert(&writer, 2));
        assert!(lost.is_err());
        let kept = [first, last].iter().filter(|result| result.is_ok()).count();
        assert_eq!(count(&writer).await, i64::try_from(kept).unwrap());
    }

    #[tokio::test]
    async fn a_file_without_room_accepts_a_refused_write_once_there_is_room() {
        let writer = writer();
        let pages = |count: u32| {
            move |connection: &Connection| {
                connection.pragma_update_and_check(None, "max_page_count", count, |_| Ok(()))
            }
        };
        let write = |connection: &Connection| {
            connection.execute_batch("CREATE TABLE IF NOT EXISTS b AS SELECT zeroblob(100000)")
        };
        writer.run(pages(10)).await.unwrap();
        let (kept, refused) = tokio::join!(insert(&writer, 1), writer.run(write));
        assert!(refused.unwrap_err().to_string().contains("no room"));
        writer.run(pages(1_000)).await.unwrap();
        assert_eq!(count(&writer).await, i64::from(kept.is_ok()), "acknowledged or not there");
        writer.run(write).await.unwrap();
    }

    #[tokio::test]
    async fn closing_finishes_the_queued_jobs_and_refuses_later_ones() {
        let writer = writer();
        let (queued, ()) = tokio::join!(insert(&writer, 1), writer.close());
        assert!(queued.is_ok());
        assert!(matches!(insert(&writer, 2).await, Err(StoreError::Unreachable(_))));
        writer.close().await;
    }
}
