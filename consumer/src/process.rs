//! One link from its record to its document: the only place that decides what an error means.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::metrics as names;
use linkrelay_common::{DocumentId, ErrorClass, LinkFailure, LinkTarget, VideoId, parse_target};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_kafka::DecodeError;
use linkrelay_store::{LinkDocument, LinkState};
use metrics::counter;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::ask::ask;
use crate::breaker::{Breaker, Pass};
use crate::cool_down::CoolDown;
use crate::dead_letter::{DeadLetters, Reason};
use crate::document::{document, link_error, malformed_document};
use crate::documents::Documents;
use crate::expand::Lists;
use crate::job::{Job, LinkJob};
use crate::liveness::Activity;
use crate::record::{Completion, Ticket};
use crate::retry::RetryPolicy;

/// A document on its way to the store.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) document: LinkDocument,
    pub(crate) ticket: Arc<Ticket>,
    /// Who goes on with the link once its document is there; without, it is done then. Dropped
    /// if there will be no such document.
    pub(crate) written: Option<oneshot::Sender<()>>,
}

/// Works on links; shared by all lanes of the process.
#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) extractor: Arc<dyn Extract>,
    /// The process-wide MAX_IN_FLIGHT. Held while the far side is asked, and not while a link
    /// waits for its next attempt or for the store.
    pub(crate) permits: Semaphore,
    pub(crate) cool_down: CoolDown,
    pub(crate) breaker: Breaker,
    pub(crate) retry: RetryPolicy,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) documents: Documents,
    pub(crate) lists: Lists,
    pub(crate) finished: mpsc::Sender<Finished>,
    pub(crate) completions: mpsc::Sender<Vec<Completion>>,
}

/// How the search for metadata ended.
pub(crate) enum Answer {
    Found(Box<Extraction>),
    /// Nobody will find any.
    Refused(LinkFailure),
    /// Tried MAX_ATTEMPTS times.
    GivenUp(LinkFailure),
}

impl Processor {
    /// Does one job to its end. When `drain` is cancelled, a link that only waits is dropped;
    /// it stays incomplete and is delivered again.
    pub(crate) async fn run(
        self: &Arc<Self>,
        job: Job,
        drain: CancellationToken,
        activity: Activity,
    ) {
        match job {
            Job::Malformed { ticket, id, error } => self.give_up_record(ticket, id, &error).await,
            Job::Link(job) => match parse_target(&job.link) {
                Ok(LinkTarget::Video(video_id)) => {
                    self.ask_about(job, video_id, &drain, &activity).await;
                }
                Ok(LinkTarget::List(list)) => self.expand(job, list, &drain, &activity).await,
                Err(error) => self.finish(job, None, Answer::Refused(not_a_video(error))).await,
            },
        }
    }

    async fn ask_about(
        &self,
        job: LinkJob,
        video_id: VideoId,
        drain: &CancellationToken,
        activity: &Activity,
    ) {
        // What YouTube would say to a forced link is thrown away if the link has its document: the
        // same Idempotency-Key was sent again.
        if job.force {
            match drain.run_until_cancelled(self.is_stored(&job)).await {
                None => return,
                Some(false) => {}
                Some(true) => {
                    self.documents.done(std::slice::from_ref(&job.id)).await;
                    return self.complete(&job).await;
                }
            }
        }
        if let Some(answer) = self.find(&job, video_id, drain, activity).await {
            self.finish(job, Some(video_id), answer).await;
        }
    }

    async fn is_stored(&self, job: &LinkJob) -> bool {
        let known = self.documents.known(std::slice::from_ref(&job.id)).await;
        known.get(&job.id).is_some_and(|known| known.status == LinkState::Stored)
    }

    /// The job is done without another document.
    pub(crate) async fn complete(&self, job: &LinkJob) {
        if let Some(completion) = job.ticket.finish_link() {
            drop(self.completions.send(vec![completion]).await);
        }
    }

    /// `None` if the lane drained while the link waited.
    async fn find(
        &self,
        job: &LinkJob,
        video_id: VideoId,
        drain: &CancellationToken,
        activity: &Activity,
    ) -> Option<Answer> {
        let mut waits = self.retry.waits();
        let mut attempts = 0;
        loop {
            let Turn { pass, permit } = drain.run_until_cancelled(self.turn()).await?;
            let extracted = ask(self.extractor.as_ref(), video_id, job.force).await;
            drop(permit);
            activity.note();
            let error = match extracted {
                Ok(extraction) => {
                    pass.succeeded();
                    self.cool_down.end();
                    return Some(Answer::Found(Box::new(extraction)));
                }
                Err(error) => error,
            };
            match error.class() {
                ErrorClass::Throttled => {
                    count_retry(&error);
                    self.throttled(&error);
                    continue;
                }
                ErrorClass::Permanent | ErrorClass::Malformed => {
                    pass.succeeded();
                    return Some(Answer::Refused(link_error(&error, attempts + 1)));
                }
                ErrorClass::Transient => attempts += 1,
            }
            pass.failed(attempts == 1, &error.to_string());
            let wait = match waits.next() {
                Some(wait) => wait,
                // Not this link's fault: it waits with the others, and is no dead letter.
                None if self.breaker.is_open() => Duration::ZERO,
                None => return Some(Answer::GivenUp(link_error(&error, attempts))),
            };
            count_retry(&error);
            log_retry(job, video_id, attempts, wait, &error);
            drain.run_until_cancelled(tokio::time::sleep(wait)).await?;
        }
    }

    /// Waits for leave to ask the far side: the breaker's, the cool-down's, and a permit. What
    /// was granted first may be over when the last is; then it waits anew.
    async fn turn(&self) -> Turn<'_> {
        loop {
            let pass = self.breaker.pass().await;
            self.cool_down.passed().await;
            // The semaphore is never closed.
            let Ok(permit) = self.permits.acquire().await else { std::future::pending().await };
            if self.cool_down.is_cool() && (pass.is_probe() || !self.breaker.is_open()) {
                return Turn { pass, permit };
            }
        }
    }

    fn throttled(&self, error: &ExtractError) {
        if let ExtractError::Throttled { reason, retry_after } = error {
            self.cool_down.start(reason, *retry_after);
        }
    }

    pub(crate) async fn finish(&self, job: LinkJob, video_id: Option<VideoId>, answer: Answer) {
        if let Answer::GivenUp(error) = &answer {
            log_given_up(&job, video_id, error);
            let reason =
                Reason { class: error.class, error: &error.message, attempts: error.attempts };
            self.dead_letters.write_link(&job, reason).await;
        }
        let (ticket, document) = document_of(job, video_id, answer);
        // The batcher outlives every lane; if it is gone, the process ends and nothing is lost
        // by leaving the record incomplete.
        drop(self.finished.send(Finished { document, ticket, written: None }).await);
    }

    /// Its document comes after its dead letter, and keeps a later delivery from writing another.
    async fn give_up_record(&self, ticket: Arc<Ticket>, id: DocumentId, error: &DecodeError) {
        let record = &ticket.record;
        tracing::warn!(
            topic = %record.topic, partition = record.partition, offset = record.offset, %error,
            "malformed record: moved to the dead letters"
        );
        let error = error.to_string();
        let reason = Reason { class: ErrorClass::Malformed, error: &error, attempts: 0 };
        self.dead_letters.write_record(record, reason).await;
        let document = malformed_document(&ticket, id, error);
        drop(self.finished.send(Finished { document, ticket, written: None }).await);
    }
}

/// Leave to ask the far side once.
struct Turn<'a> {
    pass: Pass<'a>,
    permit: SemaphorePermit<'a>,
}

pub(crate) fn count_retry(error: &ExtractError) {
    let labels = [("class", error.class().as_str()), ("code", error.code())];
    counter!(names::RETRIES, &labels).increment(1);
}

fn log_retry(
    job: &LinkJob,
    video_id: VideoId,
    attempts: u32,
    wait: Duration,
    error: &ExtractError,
) {
    tracing::debug!(
        %video_id, document_id = %job.id, partition = job.ticket.record.partition,
        offset = job.ticket.record.offset, attempts, wait_ms = wait.as_millis(), %error, "trying again later"
    );
}

fn log_given_up(job: &LinkJob, video_id: Option<VideoId>, error: &LinkFailure) {
    let record = &job.ticket.record;
    tracing::warn!(
        document_id = %job.id, video_id = video_id.map(tracing::field::display), topic = %record.topic,
        partition = record.partition, offset = record.offset, attempts = error.attempts, error = error.message,
        "no attempt left: moved to the dead letters"
    );
}

fn document_of(
    job: LinkJob,
    video_id: Option<VideoId>,
    answer: Answer,
) -> (Arc<Ticket>, LinkDocument) {
    let place = job.place(video_id);
    let found = match answer {
        Answer::Found(extraction) => Ok(extraction),
        Answer::Refused(error) | Answer::GivenUp(error) => Err(error),
    };
    (job.ticket, document(place, found))
}

fn not_a_video(error: linkrelay_common::LinkError) -> LinkFailure {
    let (code, message) = (error.code().to_owned(), error.to_string());
    LinkFailure { class: ErrorClass::Permanent, code, message, attempts: 0 }
}
