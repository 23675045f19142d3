//! A link to a list: it is expanded into a record for each of its videos.
//!
//! The list's document is written first and names the videos; then their records are published;
//! then the list's own record is complete. A list that is delivered again finds its document and
//! publishes those of the named videos that have no document yet, even if the list has changed on
//! YouTube: nothing is lost, nothing doubled, and YouTube is asked once.

use std::sync::Arc;

use jiff::Timestamp;
use linkrelay_common::LinkFailure;
use linkrelay_common::metrics as names;
use linkrelay_common::{DocumentId, ErrorClass, LinkTarget, ListLink, VideoId};
use linkrelay_kafka::LinkRecord;
use linkrelay_store::{Expansion, LinkState};
use metrics::counter;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::ask::ask_list;
use crate::attempt::{Again, Attempts, LookupFailure, LookupKind};
use crate::document::expanded_document;
use crate::job::LinkJob;
use crate::liveness::Activity;
use crate::process::{Finished, Processor};

impl Processor {
    /// Processes a list to its outcome. When `drain` is cancelled before its document is written,
    /// the list is dropped, and will be delivered again.
    pub(crate) async fn expand(
        &self,
        job: LinkJob,
        list: ListLink,
        drain: &CancellationToken,
        activity: &Activity,
    ) {
        let Some(first_index) = job.identity.first_expanded_index() else {
            return self.refuse(job, no_room()).await;
        };
        let mut is_new = false;
        let expansion = loop {
            let known = drain.run_until_cancelled(self.known_list(&job)).await;
            activity.note();
            match known {
                None => return,
                Some(Known::Expanded(expansion)) => break expansion,
                Some(Known::Done) => return self.complete_known(&job, drain).await,
                Some(Known::No) => {}
            }
            let listed = self.list(&job, &list, drain, activity).await;
            let video_ids = match listed {
                None => return,
                Some(Ok(video_ids)) => video_ids,
                Some(Err(failure)) => return self.finish(job, None, Err(failure)).await,
            };
            if !self.write_list(&job, first_index, video_ids).await {
                // The list was given up, or the process ends.
                return;
            }
            is_new = true;
        };
        let mut records = records(&job, &expansion);
        if !is_new {
            let left = drain.run_until_cancelled(self.without_document(records)).await;
            let Some(left) = left else { return };
            records = left;
        }
        activity.note();
        self.append.append(&job.id, &records).await;
        activity.note();
        counter!(names::EXPANDED_VIDEOS).increment(records.len() as u64);
        log_expanded(&job, &list, &expansion);
        self.complete(&job).await;
    }

    /// Returns the videos of the list, or why they are not available; `None` if the lane drained.
    async fn list(
        &self,
        job: &LinkJob,
        list: &ListLink,
        drain: &CancellationToken,
        activity: &Activity,
    ) -> Option<Result<Vec<VideoId>, LookupFailure>> {
        let limit = usize::try_from(self.expand_limit).unwrap_or(usize::MAX);
        let ask = || async {
            // A list may have many pages, so a drain does not wait for the last of them.
            let listed = ask_list(self.extractor.as_ref(), list, limit);
            let listed = drain.run_until_cancelled(listed).await?;
            activity.note();
            Some(listed)
        };
        let again = |again: Again<'_>| {
            again.count();
            tracing::debug!(
                %list, document_id = %job.id, attempts = again.attempts,
                wait_ms = again.wait.unwrap_or_default().as_millis(), error = %again.error,
                "an attempt to expand a list failed; it will be retried"
            );
        };
        let kind = LookupKind::List(&self.permits);
        Attempts::new(kind, &self.retry, &job.span).run(drain, ask, again).await
    }

    /// Returns what the store has under the id of this list.
    async fn known_list(&self, job: &LinkJob) -> Known {
        match self.documents.find(&job.id).await {
            None => Known::No,
            // A replay may succeed.
            Some(document) if document.status == LinkState::Failed => Known::No,
            Some(document) => document.expansion.map_or(Known::Done, Known::Expanded),
        }
    }

    /// Returns the records of those videos that have no document, not even a failed one.
    async fn without_document(&self, mut records: Vec<LinkRecord>) -> Vec<LinkRecord> {
        let ids: Vec<DocumentId> = records.iter().map(LinkRecord::document_id).collect();
        let known = self.documents.known(&ids).await;
        records.retain(|record| !known.contains_key(&record.document_id()));
        records
    }

    /// Writes the document of the list. Returns whether the store has one now: this one, or one
    /// that was written before.
    async fn write_list(&self, job: &LinkJob, first_index: u32, video_ids: Vec<VideoId>) -> bool {
        let expansion = Expansion {
            first_index,
            videos_count: u32::try_from(video_ids.len()).unwrap_or(u32::MAX),
            video_ids,
        };
        let document = expanded_document(job.subject(None), expansion);
        let (written, is_written) = oneshot::channel();
        let ticket = Arc::clone(&job.ticket);
        let span = job.span.clone();
        let finished = Finished { document, ticket, written: Some(written), span };
        self.finished.send(finished).await.is_ok() && is_written.await.is_ok()
    }
}

/// What the store has under the id of a list.
enum Known {
    /// No document, or a failed one.
    No,
    /// The document of the list, with its videos.
    Expanded(Expansion),
    /// A document without videos, because the same identity was used for a video, or the request
    /// was deleted: as always, a link with a document is complete.
    Done,
}

/// Returns a record for each video, as if the video had been submitted with the list.
fn records(job: &LinkJob, expansion: &Expansion) -> Vec<LinkRecord> {
    let submitted_at = job.ticket.submitted_at().unwrap_or_else(Timestamp::now);
    (expansion.first_index..)
        .zip(&expansion.video_ids)
        .map(|(index, video_id)| LinkRecord {
            target: LinkTarget::Video(*video_id),
            link: video_id.watch_url(),
            force: job.force,
            identity: job.identity.at(index),
            submitted_at,
            trace_parent: job.span.context(),
            failed_in: None,
        })
        .collect()
}

/// Returns the failure of a list whose index is not that of a submitted link.
fn no_room() -> LinkFailure {
    LinkFailure {
        class: ErrorClass::Permanent,
        code: "no_room".to_owned(),
        message: "a list cannot be expanded at this index of its request".to_owned(),
        attempts: 0,
    }
}

fn log_expanded(job: &LinkJob, list: &ListLink, expansion: &Expansion) {
    let record = &job.ticket.record;
    let (videos_total, first_index) = (expansion.videos_count, expansion.first_index);
    tracing::info!(
        %list, document_id = %job.id, topic = %record.topic, partition = record.partition.0,
        offset = record.offset.0, videos_total, first_index, "expanded a list"
    );
}
