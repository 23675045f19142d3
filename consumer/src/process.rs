//! One link from its record to its document: the only place that decides what an error means.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use linkrelay_common::{DecodeError, DocumentId, ErrorClass, RequestId, VideoId, parse_link};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_store::{LinkDocument, LinkError, LinkState};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::cool_down::CoolDown;
use crate::dead_letter::{DeadLetters, Reason};
use crate::record::{Completion, Ticket};
use crate::retry::RetryPolicy;

/// What a worker has to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Find a link's metadata.
    Link(LinkJob),
    /// Give a record up that cannot be read.
    Malformed { ticket: Arc<Ticket>, error: DecodeError },
}

/// One link of a record.
#[derive(Debug)]
pub(crate) struct LinkJob {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) id: DocumentId,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) index: u32,
    pub(crate) link: String,
    pub(crate) force: bool,
    /// Whether the record has no other link.
    pub(crate) is_whole_record: bool,
}

/// A document on its way to the store.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) document: LinkDocument,
    pub(crate) ticket: Arc<Ticket>,
}

/// Works on links; shared by all lanes of the process.
#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) extractor: Arc<dyn Extract>,
    /// The process-wide MAX_IN_FLIGHT. Held while the far side is asked, and not while a link
    /// waits for its next attempt or for the store.
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) cool_down: Arc<CoolDown>,
    pub(crate) retry: RetryPolicy,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) finished: mpsc::Sender<Finished>,
    pub(crate) completions: mpsc::Sender<Vec<Completion>>,
}

/// How the search for metadata ended.
enum Answer {
    Found(Box<Extraction>),
    /// Nobody will find any.
    Refused(LinkError),
    /// Tried MAX_ATTEMPTS times.
    GivenUp(LinkError),
}

impl Processor {
    /// Does one job to its end. When `drain` is cancelled, a link that only waits is dropped;
    /// it stays incomplete and is delivered again.
    pub(crate) async fn run(self: &Arc<Self>, job: Job, drain: CancellationToken) {
        match job {
            Job::Malformed { ticket, error } => self.give_up_record(ticket, &error).await,
            Job::Link(job) => {
                let answer = match parse_link(&job.link) {
                    Ok(video_id) => self
                        .find(&job, video_id, &drain)
                        .await
                        .map(|answer| (Some(video_id), answer)),
                    Err(error) => Some((None, Answer::Refused(not_a_video(error)))),
                };
                if let Some((video_id, answer)) = answer {
                    self.finish(job, video_id, answer).await;
                }
            }
        }
    }

    /// `None` if the lane drained while the link waited.
    async fn find(
        &self,
        job: &LinkJob,
        video_id: VideoId,
        drain: &CancellationToken,
    ) -> Option<Answer> {
        let mut waits = self.retry.waits();
        let mut attempts = 0;
        loop {
            let permit = drain.run_until_cancelled(self.turn()).await??;
            let extracted = self.extract(video_id, job.force).await;
            drop(permit);
            let error = match extracted {
                Ok(extraction) => {
                    self.cool_down.end();
                    return Some(Answer::Found(Box::new(extraction)));
                }
                Err(error) => error,
            };
            match error.class() {
                ErrorClass::Throttled => {
                    self.throttled(&error);
                    continue;
                }
                ErrorClass::Permanent | ErrorClass::Malformed => {
                    return Some(Answer::Refused(link_error(&error, attempts + 1)));
                }
                ErrorClass::Transient => attempts += 1,
            }
            let Some(wait) = waits.next() else {
                return Some(Answer::GivenUp(link_error(&error, attempts)));
            };
            tracing::debug!(
                %video_id, document_id = %job.id, partition = job.ticket.record.partition,
                offset = job.ticket.record.offset, attempts, wait_ms = wait.as_millis(), %error, "trying again later"
            );
            drain.run_until_cancelled(tokio::time::sleep(wait)).await?;
        }
    }

    /// Asks the extractor. Its code reads strangers' pages: a panic there is that link's trouble,
    /// not the partition's.
    async fn extract(&self, video_id: VideoId, force: bool) -> Result<Extraction, ExtractError> {
        match AssertUnwindSafe(self.extractor.extract(video_id, force)).catch_unwind().await {
            Ok(extracted) => extracted,
            Err(_) => Err(ExtractError::Unreadable("the extractor panicked".to_owned())),
        }
    }

    /// A permit to ask the far side, once the process is cool. `None` if the process ends.
    async fn turn(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        loop {
            self.cool_down.passed().await;
            let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
            // It may have become hot again while this one queued.
            if self.cool_down.is_cool() {
                return Some(permit);
            }
        }
    }

    fn throttled(&self, error: &ExtractError) {
        if let ExtractError::Throttled { reason, retry_after } = error {
            self.cool_down.start(reason, *retry_after);
        }
    }

    async fn finish(&self, job: LinkJob, video_id: Option<VideoId>, answer: Answer) {
        if let Answer::GivenUp(error) = &answer {
            log_given_up(&job, video_id, error);
            let reason =
                Reason { class: error.class, error: &error.message, attempts: error.attempts };
            self.dead_letters.write_link(&job, reason).await;
        }
        let (ticket, document) = document(job, video_id, answer);
        // The batcher outlives every lane; if it is gone, the process ends and nothing is lost
        // by leaving the record incomplete.
        drop(self.finished.send(Finished { document, ticket }).await);
    }

    async fn give_up_record(&self, ticket: Arc<Ticket>, error: &DecodeError) {
        let record = &ticket.record;
        tracing::warn!(
            topic = %record.topic, partition = record.partition, offset = record.offset, %error,
            "malformed record: moved to the dead letters"
        );
        let error = error.to_string();
        let reason = Reason { class: ErrorClass::Malformed, error: &error, attempts: 0 };
        self.dead_letters.write_record(record, reason).await;
        if let Some(completion) = ticket.finish_link() {
            drop(self.completions.send(vec![completion]).await);
        }
    }
}

fn log_given_up(job: &LinkJob, video_id: Option<VideoId>, error: &LinkError) {
    let record = &job.ticket.record;
    tracing::warn!(
        document_id = %job.id, video_id = video_id.map(tracing::field::display), topic = %record.topic,
        partition = record.partition, offset = record.offset, attempts = error.attempts, error = error.message,
        "no attempt left: moved to the dead letters"
    );
}

fn document(
    job: LinkJob,
    video_id: Option<VideoId>,
    answer: Answer,
) -> (Arc<Ticket>, LinkDocument) {
    let LinkJob { ticket, id, request_id, index, link, .. } = job;
    let (extraction, error) = match answer {
        Answer::Found(extraction) => (Some(extraction), None),
        Answer::Refused(error) | Answer::GivenUp(error) => (None, Some(error)),
    };
    let now = Timestamp::now();
    let extracted_at = extraction.as_ref().map(|extraction| extraction.extracted_at);
    let (source, video) = extraction.map(|found| (found.source, found.video)).unzip();
    let document = LinkDocument {
        id,
        request_id,
        index,
        link,
        video_id: video_id.map(|video_id| video_id.to_string()),
        status: if error.is_none() { LinkState::Stored } else { LinkState::Failed },
        video,
        error,
        source,
        submitted_at: ticket.headers.submitted_at.or(ticket.record.written_at),
        extracted_at,
        stored_at: now,
        kafka: Some(ticket.record.place()),
    };
    (ticket, document)
}

fn link_error(error: &ExtractError, attempts: u32) -> LinkError {
    LinkError {
        class: error.class(),
        code: error.code().to_owned(),
        message: error.to_string(),
        attempts,
    }
}

fn not_a_video(error: linkrelay_common::LinkError) -> LinkError {
    let (code, message) = (error.code().to_owned(), error.to_string());
    LinkError { class: ErrorClass::Permanent, code, message, attempts: 0 }
}
