//! The links of the waiting path: all are looked up, then all documents are written in one batch.
//!
//! Nothing is written before every link of the request has an answer or no time left. The write
//! then continues even if the client disconnects, so a request that is dropped leaves no document,
//! or all of them. It must not know: HTTP.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use linkrelay_common::LinkFailure;
use linkrelay_common::health::Part;
use linkrelay_common::until::until_it_works_with;
use linkrelay_common::{DocumentId, RequestId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_http::intake::{CheckedLinks, ValidLink};
use linkrelay_store::{LinkDocument, LinkStore, StoreError, WriteOutcome};
use linkrelay_telemetry::{Span, spans};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::settings::PostLinksSettings;
use crate::ask::ask;
use crate::attempt::{Attempts, LookupFailure, LookupKind};
use crate::batcher;
use crate::document::{DocumentSubject, document, left_without_document, refused_by_store};
use crate::results::Results;
use crate::retry::{Pauses, RetryPolicy};

/// The part of a request's time that is kept for the store: a quarter, at most two seconds.
const WRITE_SHARE: u32 = 4;
const MAX_WRITE_TIME: Duration = Duration::from_secs(2);

/// Looks links up and stores what is found; shared by all requests of the server.
#[derive(Debug)]
pub(crate) struct PostedLinks {
    pub(crate) extractor: Arc<dyn Extract>,
    pub(crate) store: Arc<dyn LinkStore>,
    pub(crate) results: Results,
    pub(crate) store_part: Part,
    pub(crate) retry: RetryPolicy,
    /// One for each link for which YouTube is asked.
    permits: Semaphore,
    /// One for each link that is asked for or waits.
    slots: Semaphore,
    slots_count: u32,
    timeout: Duration,
    writes: TaskTracker,
    /// Once cancelled, no new request is taken.
    pub(crate) stop: CancellationToken,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Posted<'a> {
    pub(crate) id: RequestId,
    pub(crate) links: &'a CheckedLinks,
    pub(crate) force: bool,
    /// How long the client will wait, if the request says so.
    pub(crate) timeout: Option<Duration>,
    /// The span of the request.
    pub(crate) span: Span,
}

/// The outcome of a link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PostedOutcome {
    /// There is a document with metadata.
    Stored,
    /// There is a document that says why there is no metadata.
    Failed(LinkFailure),
    /// No document is known to exist.
    Unavailable(Unavailable),
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("there was no time left for this link")]
    OutOfTime,
    #[error("{message}")]
    NotFound { code: &'static str, message: String, retry_after: Option<Duration> },
    #[error("the store did not acknowledge the document in time")]
    NotWritten,
    #[error("the document is stored, and the broker did not acknowledge its result in time")]
    NotPublished,
    #[error("the store refuses the document of this link and also its failed document")]
    Refused,
}

/// Why a request is not taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("too many links wait already")]
    Overloaded,
    #[error("this server is stopping")]
    Stopping,
}

impl PostedLinks {
    pub(crate) fn new(
        extractor: Arc<dyn Extract>,
        store: Arc<dyn LinkStore>,
        results: Results,
        store_part: Part,
        retry: RetryPolicy,
        settings: &PostLinksSettings,
        stop: CancellationToken,
    ) -> Self {
        let slots = settings.post_links_in_flight + settings.post_links_waiting;
        Self {
            extractor,
            store,
            results,
            store_part,
            retry,
            permits: Semaphore::new(settings.post_links_in_flight),
            slots: Semaphore::new(slots),
            slots_count: u32::try_from(slots).unwrap_or(u32::MAX),
            timeout: settings.post_links_timeout,
            writes: TaskTracker::new(),
            stop,
        }
    }

    /// Returns the outcome of each valid link, in order.
    ///
    /// # Errors
    /// [`NotTaken`] if there are too few free slots, or the server stops; then nothing was done.
    pub(crate) async fn run(
        self: &Arc<Self>,
        posted: Posted<'_>,
    ) -> Result<Vec<PostedOutcome>, NotTaken> {
        if self.stop.is_cancelled() {
            return Err(NotTaken::Stopping);
        }
        let links_count = u32::try_from(posted.links.valid.len()).unwrap_or(u32::MAX);
        // A request with more links than there are slots is taken when no other one is there.
        let wanted = links_count.min(self.slots_count);
        let Ok(_slots) = self.slots.try_acquire_many(wanted) else {
            return Err(NotTaken::Overloaded);
        };
        let timeout = posted.timeout.map_or(self.timeout, |asked| asked.min(self.timeout));
        let write_time = (timeout / WRITE_SHARE).min(MAX_WRITE_TIME);
        let deadline = Instant::now() + timeout;
        let found = self.find_all(&posted, deadline - write_time).await;
        let span = posted.span.clone();
        let writing = Arc::clone(self).write_all(found, deadline, span.clone());
        // In its own task, so that it ends even if the client has disconnected.
        let written = self.writes.spawn(span.around(writing)).await;
        // After a panic there, it is unknown what is written.
        let lost =
            || vec![PostedOutcome::Unavailable(Unavailable::NotWritten); links_count as usize];
        Ok(written.unwrap_or_else(|_| lost()))
    }

    /// Waits until all writes in flight have ended.
    pub(crate) async fn finish(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    async fn find_all(
        &self,
        posted: &Posted<'_>,
        deadline: Instant,
    ) -> Vec<Result<LinkDocument, Unavailable>> {
        let submitted_at = Timestamp::now();
        let finding = posted.links.documents(posted.id).map(|(index, id, valid)| async move {
            let found = timeout_at(deadline, self.find(valid, posted.force, &posted.span)).await;
            let found = found.unwrap_or(Err(Unavailable::OutOfTime))?;
            let subject = DocumentSubject {
                id,
                request_id: Some(posted.id),
                index,
                link: valid.link.clone(),
                video_id: Some(valid.names),
                submitted_at: Some(submitted_at),
                kafka: None,
            };
            Ok(document(subject, found))
        });
        join_all(finding).await
    }

    /// Returns the metadata, or why there never will be any.
    ///
    /// # Errors
    /// [`Unavailable`] if there may be metadata later.
    async fn find(
        &self,
        valid: &ValidLink,
        force: bool,
        span: &Span,
    ) -> Result<Result<Box<Extraction>, LinkFailure>, Unavailable> {
        let ask =
            || async { Some(ask(self.extractor.as_ref(), valid.names, force).await.map(Box::new)) };
        // Only the request's own deadline ends the waits.
        let never = CancellationToken::new();
        let attempts = Attempts::new(LookupKind::Waiting(&self.permits), &self.retry, span);
        match attempts.run(&never, ask, |_| ()).await {
            Some(Ok(extraction)) => Ok(Ok(extraction)),
            Some(Err(LookupFailure::Refused(error))) => Ok(Err(error)),
            Some(Err(LookupFailure::GivenUp { error, .. })) => Err(not_found(&error)),
            None => Err(Unavailable::OutOfTime),
        }
    }

    async fn write_all(
        self: Arc<Self>,
        found: Vec<Result<LinkDocument, Unavailable>>,
        deadline: Instant,
        span: Span,
    ) -> Vec<PostedOutcome> {
        let mut documents: Vec<LinkDocument> =
            found.iter().filter_map(|found| found.as_ref().ok().cloned()).collect();
        let span = match documents.len() {
            0 => Span::default(),
            documents_count => spans::write(&span, documents_count),
        };
        let written = timeout_at(deadline, span.around(self.write(&mut documents))).await;
        if written.is_err() {
            span.failed("timed_out", "no acknowledgement in time");
            tracing::warn!(
                documents = documents.len(),
                "the store did not acknowledge the documents of a waiting request in time"
            );
        }
        let mut written = written.unwrap_or_default();
        self.publish(&documents, &mut written, deadline).await;
        let mut written = written.into_iter();
        let outcomes = found.into_iter().map(|found| match found {
            Err(unavailable) => PostedOutcome::Unavailable(unavailable),
            // `written` has one outcome for each that was found, in the same order, or is empty.
            Ok(_) => written.next().unwrap_or(PostedOutcome::Unavailable(Unavailable::NotWritten)),
        });
        outcomes.collect()
    }

    /// Publishes the results of documents that were written with these outcomes, until `deadline`.
    /// After it, no link is reported as done: a client that sends the same again with the same key
    /// has its results published.
    async fn publish(
        &self,
        documents: &[LinkDocument],
        outcomes: &mut [PostedOutcome],
        deadline: Instant,
    ) {
        let is_stored = |outcome: &PostedOutcome| !matches!(outcome, PostedOutcome::Unavailable(_));
        let written = documents.iter().zip(&*outcomes);
        let stored =
            written.filter(|(_, outcome)| is_stored(outcome)).map(|(document, _)| document);
        let published = self.results.stored(stored.collect::<Vec<_>>());
        if timeout_at(deadline, published).await.is_ok() {
            return;
        }
        tracing::warn!(
            documents = documents.len(),
            "the broker did not acknowledge the results of a waiting request in time"
        );
        for outcome in outcomes.iter_mut().filter(|outcome| is_stored(outcome)) {
            *outcome = PostedOutcome::Unavailable(Unavailable::NotPublished);
        }
    }

    /// Writes documents until the store has all of them except those that it refuses.
    async fn write(&self, documents: &mut [LinkDocument]) -> Vec<PostedOutcome> {
        if documents.is_empty() {
            return Vec::new();
        }
        let mut retried = self.store_part.retried_use();
        let failed = |error| batcher::store_failed(&mut retried, &error);
        let pauses = Pauses::OF_STORE_FOR_CLIENT.forever();
        let write = |documents| self.write_or_give_back(documents);
        let outcomes = until_it_works_with(&mut *documents, pauses, write, failed).await;
        retried.succeeded();
        let written = || documents.iter().zip(&outcomes);
        batcher::count(
            written().filter(|written| !written.1.is_refused()).map(|written| written.0),
        );
        written().map(|(document, outcome)| self.outcome(document, outcome)).collect()
    }

    async fn write_or_give_back<'a>(
        &self,
        documents: &'a mut [LinkDocument],
    ) -> Result<Vec<WriteOutcome>, (&'a mut [LinkDocument], StoreError)> {
        self.write_once(documents).await.map_err(|error| (documents, error))
    }

    /// Writes each document, or a failed one if it is refused, and changes each to what the store
    /// has of it.
    async fn write_once(
        &self,
        documents: &mut [LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let now = Timestamp::now();
        documents.iter_mut().for_each(|document| document.stored_at = now);
        let mut outcomes = self.store.write_batch(documents).await?;
        for (document, outcome) in documents.iter_mut().zip(&mut outcomes) {
            if let WriteOutcome::Refused { reason } = outcome {
                tracing::warn!(document_id = %document.id, reason, "the store refuses a document");
                *document = refused_by_store(document.clone());
                let written = self.store.write_batch(std::slice::from_ref(document)).await?;
                *outcome = written.into_iter().next().unwrap_or(WriteOutcome::AlreadyThere);
            }
        }
        let there = documents.iter().zip(&outcomes);
        let there = there.filter(|(_, outcome)| **outcome == WriteOutcome::AlreadyThere);
        let known: Vec<DocumentId> = there.map(|(document, _)| document.id.clone()).collect();
        if !known.is_empty() {
            // Sent before, perhaps with another outcome: the client gets what the store has.
            for stored in self.store.find(&known).await? {
                let document = documents.iter_mut().find(|document| document.id == stored.id);
                if let Some(document) = document {
                    *document = stored;
                }
            }
        }
        Ok(outcomes)
    }

    fn outcome(&self, document: &LinkDocument, outcome: &WriteOutcome) -> PostedOutcome {
        if let WriteOutcome::Refused { reason } = outcome {
            left_without_document(&self.store_part, document, reason);
            return PostedOutcome::Unavailable(Unavailable::Refused);
        }
        document.error.clone().map_or(PostedOutcome::Stored, PostedOutcome::Failed)
    }
}

fn not_found(error: &ExtractError) -> Unavailable {
    let retry_after = match error {
        ExtractError::Throttled { retry_after, .. } => *retry_after,
        _ => None,
    };
    Unavailable::NotFound { code: error.code(), message: error.to_string(), retry_after }
}
