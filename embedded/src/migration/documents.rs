//! Writes documents and the rows of requests into MongoDB, with the functions of the pipeline: one
//! that is there stays, unless it is a failure and this one is not.

use std::collections::HashMap;

use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::sqlite::{DocumentPage, MovePart};
use linkrelay_store::{LinkDocument, LinkState, StoreError, WriteOutcome};

use super::{Migration, MigrationPhase, ObserveMigration, moved_up_to, reading_file};
use crate::error::MigrationError;

/// How many documents or rows one call writes.
const PAGE: u32 = 500;

impl Migration {
    pub(super) async fn move_documents(
        &mut self,
        total: u64,
        observe: &mut ObserveMigration<'_>,
    ) -> Result<(), MigrationError> {
        let mut after = self.documents_progress().await?.after;
        let mut done = 0;
        loop {
            let page = self.file.documents_after(&after, PAGE).await.map_err(reading_file)?;
            let Some(last) = page.last.clone() else { return Ok(()) };
            done += (page.documents.len() + page.unreadable.len()) as u64;
            self.write_documents(page).await?;
            self.set_progress(MovePart::Documents, moved_up_to(&last)).await?;
            last.as_str().clone_into(&mut after);
            observe(MigrationPhase::Documents, done, total.max(done));
        }
    }

    async fn write_documents(&mut self, page: DocumentPage) -> Result<(), MigrationError> {
        let deleted = deleted_requests(&page.documents);
        self.report.documents_failed += page.unreadable.len() as u64;
        let count = page.documents.len();
        let documents = self.without_there(page.documents).await?;
        self.report.documents_there += (count - documents.len()) as u64;
        self.report.documents += (count - documents.len()) as u64;
        let outcomes = self.documents.write_batch(&documents).await.map_err(writing)?;
        for (document, outcome) in documents.iter().zip(outcomes) {
            match outcome {
                WriteOutcome::Refused { reason } => {
                    let id = &document.id;
                    tracing::warn!(document_id = %id, "MongoDB refuses the document {id}: {reason}");
                    self.report.documents_failed += 1;
                    continue;
                }
                WriteOutcome::AlreadyThere => self.report.documents_there += 1,
                WriteOutcome::Inserted | WriteOutcome::Replaced => {}
            }
            self.report.documents += 1;
        }
        for (request_id, deleted_at) in deleted {
            // Those of an earlier run may not have been deleted then.
            let deleted = self.documents.delete_request(request_id, deleted_at).await;
            deleted.map_err(writing)?;
        }
        Ok(())
    }

    /// Leaves out what is there and stays: a batch of documents that exist takes four times as long
    /// as one that does not.
    async fn without_there(
        &self,
        documents: Vec<LinkDocument>,
    ) -> Result<Vec<LinkDocument>, MigrationError> {
        let ids: Vec<DocumentId> = documents.iter().map(|document| document.id.clone()).collect();
        let known = self.documents.known(&ids).await.map_err(writing)?.into_iter();
        let known: HashMap<_, _> = known.map(|known| (known.id.clone(), known)).collect();
        let stays = |document: &LinkDocument| {
            known.get(&document.id).is_some_and(|known| !known.gives_way_to(document))
        };
        Ok(documents.into_iter().filter(|document| !stays(document)).collect())
    }

    pub(super) async fn move_requests(
        &mut self,
        total: u64,
        observe: &mut ObserveMigration<'_>,
    ) -> Result<(), MigrationError> {
        let mut after = self.progress(MovePart::Requests).await?.after;
        let mut done = 0;
        loop {
            let rows = self.file.requests_after(&after, PAGE).await.map_err(reading_file)?;
            let Some(last) = rows.last() else { return Ok(()) };
            self.documents.add_requests(&rows).await.map_err(writing)?;
            after = last.id.to_string();
            self.set_progress(MovePart::Requests, moved_up_to(&after)).await?;
            self.report.requests += rows.len() as u64;
            done += rows.len() as u64;
            observe(MigrationPhase::Requests, done, total.max(done));
        }
    }
}

/// The requests whose documents were deleted, each with the time of that.
fn deleted_requests(documents: &[LinkDocument]) -> HashMap<RequestId, Timestamp> {
    let deleted = documents.iter().filter(|document| document.status == LinkState::Deleted);
    deleted.filter_map(|document| Some((document.request_id?, document.stored_at))).collect()
}

fn writing(source: StoreError) -> MigrationError {
    MigrationError::Store { doing: "writing into MongoDB", source }
}
