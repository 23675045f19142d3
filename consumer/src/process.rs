//! One link from its record to its document: found, refused, or given up as a dead letter.
//!
//! It must not know: how many attempts a link has, and what an error means for that.

use std::sync::Arc;

use linkrelay_common::LinkFailure;
use linkrelay_common::{DocumentId, ErrorClass, VideoId};
use linkrelay_extractor::{Extract, Extraction};
use linkrelay_kafka::DecodeError;
use linkrelay_kafka::publish::AppendExpanded;
use linkrelay_store::{LinkDocument, LinkState};
use linkrelay_telemetry::Span;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::ask::ask;
use crate::attempt::{Again, Attempts, LookupFailure, LookupKind, Permits};
use crate::dead_letter::{DeadLetters, GiveUpReason};
use crate::document::{document, link_error, malformed_document};
use crate::documents::Documents;
use crate::job::LinkJob;
use crate::liveness::Activity;
use crate::record::{Completion, Ticket};
use crate::results::Results;
use crate::retry::RetryPolicy;

/// A document for the batcher.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) document: LinkDocument,
    pub(crate) ticket: Arc<Ticket>,
    /// Notified once the document is stored, for a link that is not complete then; dropped if there
    /// will be no such document. `None` if the document completes the link.
    pub(crate) written: Option<oneshot::Sender<()>>,
    /// The span of its link, which ends when the document is written.
    pub(crate) span: Span,
}

/// Processes links; shared by all lanes of the process.
#[derive(Debug)]
pub(crate) struct Processor {
    /// The consumer group.
    pub(crate) group: Arc<str>,
    pub(crate) extractor: Arc<dyn Extract>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) retry: RetryPolicy,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) documents: Documents,
    pub(crate) results: Results,
    /// Where the videos of lists go, and at most how many of one list.
    pub(crate) append: Arc<dyn AppendExpanded>,
    pub(crate) expand_limit: u32,
    pub(crate) finished: mpsc::Sender<Finished>,
    pub(crate) completions: mpsc::Sender<Vec<Completion>>,
}

impl Processor {
    /// Processes one link to its outcome. When `drain` is cancelled, a link that only waits is
    /// dropped; it stays incomplete and is delivered again.
    pub(crate) async fn look_up(
        &self,
        job: LinkJob,
        video_id: VideoId,
        drain: &CancellationToken,
        activity: &Activity,
    ) {
        // A forced link that has its document comes from the same Idempotency-Key, sent again: the
        // answer of YouTube would be discarded.
        if job.force {
            match drain.run_until_cancelled(self.is_complete(&job)).await {
                None => return,
                Some(false) => {}
                Some(true) => {
                    self.documents.done(std::slice::from_ref(&job.id)).await;
                    return self.complete_known(&job, drain).await;
                }
            }
        }
        if let Some(answer) = self.find(&job, video_id, drain, activity).await {
            self.finish(job, Some(video_id), answer).await;
        }
    }

    async fn is_complete(&self, job: &LinkJob) -> bool {
        let known = self.documents.known(std::slice::from_ref(&job.id)).await;
        known
            .get(&job.id)
            .is_some_and(|known| matches!(known.status, LinkState::Stored | LinkState::Deleted))
    }

    /// Completes a job whose document the store has, after its result. When `drain` is cancelled
    /// before that, the job stays incomplete and is delivered again.
    pub(crate) async fn complete_known(&self, job: &LinkJob, drain: &CancellationToken) {
        let published = self.results.found(std::slice::from_ref(&job.id));
        if drain.run_until_cancelled(published).await.is_some() {
            self.complete(job).await;
        }
    }

    /// Completes a job without writing another document.
    pub(crate) async fn complete(&self, job: &LinkJob) {
        if let Some(completion) = job.ticket.finish_link() {
            drop(self.completions.send(vec![completion]).await);
        }
    }

    /// Finds the metadata of a video. Returns `None` if the lane drained while the link waited.
    async fn find(
        &self,
        job: &LinkJob,
        video_id: VideoId,
        drain: &CancellationToken,
        activity: &Activity,
    ) -> Option<Result<Box<Extraction>, LookupFailure>> {
        let ask = || async {
            let answer = ask(self.extractor.as_ref(), video_id, job.force).await;
            activity.note();
            Some(answer.map(Box::new))
        };
        let again = |again: Again<'_>| {
            again.count();
            log_again(job, video_id, &again);
        };
        let kind = LookupKind::Link(&self.permits);
        Attempts::new(kind, &self.retry, &job.span).run(drain, ask, again).await
    }

    /// Writes the failed document of a link that is refused without asking YouTube.
    pub(crate) async fn refuse(&self, job: LinkJob, error: LinkFailure) {
        self.finish(job, None, Err(LookupFailure::Refused(error))).await;
    }

    /// Writes the document of a link, after the dead letter of one that is given up.
    pub(crate) async fn finish(
        &self,
        job: LinkJob,
        video_id: Option<VideoId>,
        found: Result<Box<Extraction>, LookupFailure>,
    ) {
        let found = match found {
            Ok(extraction) => Ok(extraction),
            Err(LookupFailure::Refused(error)) => Err(error),
            Err(LookupFailure::GivenUp { error, attempts }) => {
                let error = link_error(&error, attempts);
                log_given_up(&job, video_id, &error);
                let reason = GiveUpReason {
                    class: error.class,
                    error: &error.message,
                    attempts: error.attempts,
                };
                self.dead_letters.write_link(&job, reason).await;
                Err(error)
            }
        };
        let mut trace_parent = None;
        if let Err(error) = &found {
            job.span.failed(error.class.as_str(), &error.message);
            trace_parent = recorded_context(&job.span);
        }
        let document = LinkDocument { trace_parent, ..document(job.subject(video_id), found) };
        let LinkJob { ticket, span, .. } = job;
        // The batcher outlives every lane; if it has ended, the process ends, and the incomplete
        // record is delivered again.
        drop(self.finished.send(Finished { document, ticket, written: None, span }).await);
    }

    /// Gives up a record that cannot be read. Its document is written after its dead letter, and
    /// prevents a second dead letter at a later delivery.
    pub(crate) async fn give_up_record(
        &self,
        ticket: Arc<Ticket>,
        id: DocumentId,
        error: &DecodeError,
        span: Span,
    ) {
        let record = &ticket.record;
        tracing::warn!(
            topic = %record.topic, partition = record.partition.0, offset = record.offset.0, %error,
            "malformed record: moved to the dead letters"
        );
        let error = error.to_string();
        span.failed(ErrorClass::Malformed.as_str(), &error);
        let reason = GiveUpReason { class: ErrorClass::Malformed, error: &error, attempts: 0 };
        self.dead_letters.write_record(record, id.clone(), reason).await;
        let document = malformed_document(&ticket, id, error);
        drop(self.finished.send(Finished { document, ticket, written: None, span }).await);
    }
}

/// Returns what the document of a failed link keeps of its span, for the span of a retry.
fn recorded_context(span: &Span) -> Option<String> {
    let context = span.context().filter(|_| span.is_recorded());
    context.map(|context| context.to_string())
}

/// Logs a retry. A link that only waits for a permit is not logged: the cool-down was.
fn log_again(job: &LinkJob, video_id: VideoId, again: &Again<'_>) {
    let Some(wait) = again.wait else { return };
    tracing::debug!(
        %video_id, document_id = %job.id, partition = job.ticket.record.partition.0,
        offset = job.ticket.record.offset.0, attempts = again.attempts, wait_ms = wait.as_millis(),
        error = %again.error, "an attempt for a link failed; it will be retried"
    );
}

fn log_given_up(job: &LinkJob, video_id: Option<VideoId>, error: &LinkFailure) {
    let record = &job.ticket.record;
    tracing::warn!(
        document_id = %job.id, video_id = video_id.map(tracing::field::display), topic = %record.topic,
        partition = record.partition.0, offset = record.offset.0, attempts = error.attempts, error = error.message,
        "no attempt left: moved to the dead letters"
    );
}
