//! Gathers documents of all lanes and writes them in batches; the store's acknowledgement is
//! what makes a record complete; with a topic of results, only after the broker's acknowledgement
//! of the document's result.
//!
//! It never gives a document up: while the store fails, it retries forever; the bounded channels
//! fill, then the lanes, and their partitions are not read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use linkrelay_common::ErrorClass;
use linkrelay_common::health::{Part, RetriedUse};
use linkrelay_common::metrics as names;
use linkrelay_common::until::until_it_works_with;
use linkrelay_store::{LinkDocument, LinkStore, StoreError, WriteOutcome};
use linkrelay_telemetry::{Span, spans};
use metrics::{counter, histogram};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dead_letter::{DeadLetters, GiveUpReason};
use crate::document::{left_without_document, refused_by_store};
use crate::process::Finished;
use crate::record::{Completion, Ticket};
use crate::results::Results;
use crate::retry::Pauses;

/// How large a batch grows, and how many are written concurrently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    pub(crate) documents: usize,
    /// How long the first document of a batch waits for more.
    pub(crate) linger: Duration,
    pub(crate) in_flight: usize,
}

/// Writes batches and reports completions. Cheap to clone: each write has its own.
#[derive(Debug, Clone)]
pub(crate) struct BatchWriter {
    pub(crate) store: Arc<dyn LinkStore>,
    pub(crate) store_part: Part,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) results: Results,
    pub(crate) completions: mpsc::Sender<Vec<Completion>>,
}

/// A document that the store refuses.
struct RefusedDocument {
    document: LinkDocument,
    ticket: Arc<Ticket>,
    reason: String,
}

/// Runs until every sender of `finished` is dropped and the last batch is written, or until
/// `abandon` is cancelled: what is not written then is left to be delivered again.
pub(crate) async fn run(
    mut finished: mpsc::Receiver<Finished>,
    writer: BatchWriter,
    limits: BatchLimits,
    abandon: CancellationToken,
) {
    let mut writes = JoinSet::new();
    let permits = Arc::new(Semaphore::new(limits.in_flight));
    while let Some(Some(batch)) = abandon.run_until_cancelled(gather(&mut finished, limits)).await {
        // The semaphore is never closed, and an abandoned write releases its permit.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        while let Some(written) = writes.try_join_next() {
            log_panic(&written);
        }
        let (writer, abandon) = (writer.clone(), abandon.clone());
        writes.spawn(async move {
            // If it is dropped midway, its records are delivered again, written or not.
            abandon.run_until_cancelled(writer.write(batch, permit)).await;
        });
    }
    while let Some(written) = writes.join_next().await {
        log_panic(&written);
    }
}

fn log_panic(joined: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = joined {
        // Its records stay incomplete and hold their prefix, so nothing is lost.
        tracing::error!(%error, "a batch write panicked; its links will be delivered again");
    }
}

/// Returns the next batch, which is never empty; `None` when no more documents will come.
async fn gather(
    finished: &mut mpsc::Receiver<Finished>,
    limits: BatchLimits,
) -> Option<Vec<Finished>> {
    let mut batch = Vec::with_capacity(limits.documents);
    if finished.recv_many(&mut batch, limits.documents).await == 0 {
        return None;
    }
    let deadline = Instant::now() + limits.linger;
    while batch.len() < limits.documents {
        let room = limits.documents - batch.len();
        match tokio::time::timeout_at(deadline, finished.recv_many(&mut batch, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    Some(batch)
}

/// Counts the outcomes of links that the store has acknowledged, each outcome once for the whole
/// batch, and measures how long each link took.
pub(crate) fn count<'a>(documents: impl IntoIterator<Item = &'a LinkDocument>) {
    let mut outcomes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let now = Timestamp::now();
    for document in documents {
        if let Some(at) = document.submitted_at {
            // The clock of the producer may be ahead.
            let seconds = now.duration_since(at).as_secs_f64().max(0.0);
            let outcome = document.status.as_str();
            histogram!(names::SUBMIT_TO_STORED, "outcome" => outcome).record(seconds);
        }
        let class = document.error.as_ref().map_or("none", |error| error.class.as_str());
        *outcomes.entry((document.status.as_str(), class)).or_default() += 1;
    }
    for ((outcome, class), links) in outcomes {
        let labels = [("outcome", outcome.to_owned()), ("class", class.to_owned())];
        counter!(names::LINKS, &labels).increment(links);
    }
}

/// Counts and reports a write that failed and will be retried.
pub(crate) fn store_failed(write: &mut RetriedUse<'_>, error: &StoreError) {
    counter!(names::STORE_ERRORS).increment(1);
    write.failed(error.to_string());
}

impl BatchWriter {
    /// Writes a batch and reports what is complete. Refused documents come last, each on its own,
    /// so that they block neither the others nor the permit of another write.
    async fn write(self, batch: Vec<Finished>, permit: OwnedSemaphorePermit) {
        let span = spans::write_batch(batch.iter().map(|finished| &finished.span), batch.len());
        let (mut documents, links): (Vec<LinkDocument>, Vec<_>) = batch
            .into_iter()
            .map(|finished| (finished.document, (finished.ticket, finished.written, finished.span)))
            .unzip();
        let outcomes = span.around(self.write_until_acknowledged(&mut documents)).await;
        drop(span);
        let is_taken = |(_, outcome): &(&LinkDocument, &WriteOutcome)| !outcome.is_refused();
        count(documents.iter().zip(&outcomes).filter(is_taken).map(|(document, _)| document));
        self.results.written(&documents, &outcomes).await;
        let (mut done, mut refused) = (Vec::with_capacity(documents.len()), Vec::new());
        for ((document, (ticket, written, span)), outcome) in
            documents.into_iter().zip(links).zip(outcomes)
        {
            match (outcome, written) {
                (WriteOutcome::Refused { reason }, _) => {
                    refused.push((RefusedDocument { document, ticket, reason }, span));
                }
                // If the receiver is dropped, its lane is fenced: the record is delivered again.
                (_, Some(written)) => drop(written.send(())),
                (_, None) => done.push(ticket),
            }
        }
        self.complete(done).await;
        drop(permit);
        let give_up = |(refused, span): (RefusedDocument, Span)| {
            span.failed("refused_by_store", &refused.reason);
            // The span ends with the future.
            span.around(self.give_up(refused))
        };
        join_all(refused.into_iter().map(give_up)).await;
    }

    /// Reports the completions of these tickets. The tickets are dropped after that: a lane without
    /// tickets is drained, and what it has completed is then committed.
    async fn complete(&self, tickets: Vec<Arc<Ticket>>) {
        let completions = tickets.iter().filter_map(|ticket| ticket.finish_link()).collect();
        // The poll thread outlives every lane; if it has ended, the process ends.
        drop(self.completions.send(completions).await);
    }

    async fn write_until_acknowledged(&self, documents: &mut [LinkDocument]) -> Vec<WriteOutcome> {
        let begin = Instant::now();
        let mut retried = self.store_part.retried_use();
        let failed = |error| store_failed(&mut retried, &error);
        let write = |documents| self.write_once(documents);
        let pauses = Pauses::OF_STORE.forever();
        let outcomes = until_it_works_with(&mut *documents, pauses, write, failed).await;
        retried.succeeded();
        histogram!(names::BATCH_DOCUMENTS).record(documents.len() as f64);
        histogram!(names::BATCH_WRITE_DURATION).record(begin.elapsed());
        outcomes
    }

    async fn write_once<'a>(
        &self,
        documents: &'a mut [LinkDocument],
    ) -> Result<Vec<WriteOutcome>, (&'a mut [LinkDocument], StoreError)> {
        let now = Timestamp::now();
        documents.iter_mut().for_each(|document| document.stored_at = now);
        self.store.write_batch(documents).await.map_err(|error| (documents, error))
    }

    /// Gives up a document that the store refuses: writes a dead letter (unless there is one), and
    /// a failed document that replaces it.
    async fn give_up(&self, RefusedDocument { document, ticket, reason }: RefusedDocument) {
        tracing::warn!(
            document_id = %document.id, video_id = document.video_id, topic = %ticket.record.topic,
            partition = ticket.record.partition.0, offset = ticket.record.offset.0, reason,
            "the store refuses the document of a link: moved to the dead letters"
        );
        if !has_dead_letter(&document) {
            let letter = GiveUpReason { class: ErrorClass::Permanent, error: &reason, attempts: 1 };
            self.dead_letters.write_document(&ticket.record, &document, letter).await;
        }
        let mut substitute = [refused_by_store(document)];
        let outcomes = self.write_until_acknowledged(&mut substitute).await;
        self.results.written(&substitute, &outcomes).await;
        match outcomes.into_iter().next() {
            Some(WriteOutcome::Refused { reason }) => {
                left_without_document(&self.store_part, &substitute[0], &reason);
            }
            _ => count(&substitute),
        }
        self.complete(vec![ticket]).await;
    }
}

/// Returns whether the document is of a link that was given up, whose dead letter is written first.
fn has_dead_letter(document: &LinkDocument) -> bool {
    let class = document.error.as_ref().map(|error| error.class);
    matches!(class, Some(ErrorClass::Transient | ErrorClass::Malformed))
}
