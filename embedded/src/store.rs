//! A store that removes a link from the journal once its document is written, for an embedded
//! broker with documents in MongoDB.
//!
//! The SQLite store does that itself, in the transaction of the document. Here an entry may outlive
//! the writing of its document for a moment; if it is published again, the document is found.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId, VideoId};
use linkrelay_store::jobs::{Job, JobBegin, JobStore};
use linkrelay_store::processes::{ProcessIdentity, ProcessRow, SeenProcess};
use linkrelay_store::requests::{RequestCursor, RequestRow, RequestTally};
use linkrelay_store::sqlite::SqliteStore;
use linkrelay_store::stats::StoreStats;
use linkrelay_store::videos::{
    LinkCursor, RebuildStore, RebuiltPage, VideoFilter, VideoLink, VideoPage, VideoQuery,
    VideoRegisters, VideoRow,
};
use linkrelay_store::{
    ExpandedRange, Indexed, KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore,
    ProcessStore, RequestCounts, RequestStore, SearchIndexStore, StatsStore, Store, StoreError,
    VideoStore, WriteOutcome,
};

/// The pause between two removals of old rows.
const REMOVAL_PAUSE: Duration = Duration::from_millis(50);

/// The store `documents`, with the journal in `file`.
#[derive(Debug)]
pub(crate) struct JournaledStore {
    pub(crate) documents: Arc<dyn Store>,
    pub(crate) file: Arc<SqliteStore>,
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `documents` out")]
#[async_trait]
impl LinkStore for JournaledStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        self.documents.ensure_schema().await
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let outcomes = self.documents.write_batch(documents).await?;
        // The entry of a list stays until those of its videos replace it.
        let is_done = |document: &LinkDocument, outcome: &WriteOutcome| {
            document.status != LinkState::Expanded && !outcome.is_refused()
        };
        let done = documents.iter().zip(&outcomes);
        let done = done.filter(|(document, outcome)| is_done(document, outcome));
        let ids = done.map(|(document, _)| document.id.clone()).collect();
        self.file.journal_remove(ids).await?;
        Ok(outcomes)
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        self.documents.find(ids).await
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        self.documents.known(ids).await
    }

    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let known = self.documents.known(ids).await?.into_iter();
        // An entry of a failed link is of a retry.
        let done = known.filter(|document| document.status.is_final());
        self.file.journal_remove(done.map(|document| document.id).collect()).await
    }

    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError> {
        self.documents.request_counts(request_id).await
    }

    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        self.documents.request_links(request_id, from_index, limit).await
    }

    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError> {
        self.documents.request_expansions(request_id).await
    }

    /// The documents are deleted first: they show whether this was done.
    async fn delete_request(
        &self,
        request_id: RequestId,
        deleted_at: Timestamp,
    ) -> Result<u64, StoreError> {
        let deleted = self.documents.delete_request(request_id, deleted_at).await?;
        self.file.forget_request(request_id).await?;
        Ok(deleted)
    }

    async fn set_retention(&self, keep_for: Option<Duration>) -> Result<(), StoreError> {
        self.documents.set_retention(keep_for).await
    }

    async fn remove_expired(
        &self,
        stored_before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        while self.file.remove_old_rows(stored_before, limit).await? >= limit {
            // In between, others write.
            tokio::time::sleep(REMOVAL_PAUSE).await;
        }
        self.documents.remove_expired(stored_before, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.documents.ping().await
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `documents` out")]
#[async_trait]
impl VideoStore for JournaledStore {
    async fn video(&self, video_id: VideoId) -> Result<Option<VideoRow>, StoreError> {
        self.documents.video(video_id).await
    }

    async fn stored_among(&self, video_ids: &[VideoId]) -> Result<HashSet<VideoId>, StoreError> {
        self.documents.stored_among(video_ids).await
    }

    async fn links_of_video(
        &self,
        video_id: VideoId,
        after: Option<LinkCursor>,
        limit: u32,
    ) -> Result<Vec<VideoLink>, StoreError> {
        self.documents.links_of_video(video_id, after, limit).await
    }

    async fn count_links_of_video(&self, video_id: VideoId) -> Result<u64, StoreError> {
        self.documents.count_links_of_video(video_id).await
    }

    async fn videos(&self, query: &VideoQuery) -> Result<VideoPage, StoreError> {
        self.documents.videos(query).await
    }

    async fn registers(
        &self,
        after: Option<VideoId>,
        limit: u32,
    ) -> Result<Vec<VideoRegisters>, StoreError> {
        self.documents.registers(after, limit).await
    }

    async fn count_videos(&self, filter: &VideoFilter) -> Result<u64, StoreError> {
        self.documents.count_videos(filter).await
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `documents` out")]
#[async_trait]
impl RebuildStore for JournaledStore {
    async fn estimate_documents(&self) -> Result<u64, StoreError> {
        self.documents.estimate_documents().await
    }

    async fn rebuild_videos(
        &self,
        after: Option<&DocumentId>,
        limit: u32,
    ) -> Result<Option<RebuiltPage>, StoreError> {
        self.documents.rebuild_videos(after, limit).await
    }
}

/// The rows of requests are in the file, where they are written with the entries of the journal.
#[deny(clippy::missing_trait_methods, reason = "a default would leave `documents` out")]
#[async_trait]
impl RequestStore for JournaledStore {
    async fn add_requests(&self, rows: &[RequestRow]) -> Result<(), StoreError> {
        self.file.add_requests(rows).await
    }

    async fn requests(
        &self,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        self.file.requests(after, limit).await
    }

    async fn tallies(
        &self,
        ids: &[RequestId],
    ) -> Result<HashMap<RequestId, RequestTally>, StoreError> {
        self.documents.tallies(ids).await
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `documents` out")]
#[async_trait]
impl ProcessStore for JournaledStore {
    async fn beat(&self, row: &ProcessRow) -> Result<(), StoreError> {
        self.documents.beat(row).await
    }

    async fn processes(&self) -> Result<Vec<SeenProcess>, StoreError> {
        self.documents.processes().await
    }

    async fn remove_process(&self, identity: &ProcessIdentity) -> Result<(), StoreError> {
        self.documents.remove_process(identity).await
    }

    async fn remove_silent(&self, silent_for: Duration) -> Result<(), StoreError> {
        self.documents.remove_silent(silent_for).await
    }
}

/// The dead letters are in the file, and so are the jobs that replay them.
#[deny(clippy::missing_trait_methods, reason = "a default would leave the file out")]
#[async_trait]
impl JobStore for JournaledStore {
    async fn begin_job(&self, job: &Job, alive_since: Timestamp) -> Result<JobBegin, StoreError> {
        self.file.begin_job(job, alive_since).await
    }

    async fn update_job(&self, job: &Job) -> Result<bool, StoreError> {
        self.file.update_job(job).await
    }

    async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        self.file.job(id).await
    }

    async fn jobs(
        &self,
        kind: &str,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Job>, StoreError> {
        self.file.jobs(kind, before, limit).await
    }

    async fn remove_jobs(&self, updated_before: Timestamp) -> Result<u64, StoreError> {
        self.file.remove_jobs(updated_before).await
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `documents` out")]
#[async_trait]
impl StatsStore for JournaledStore {
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.documents.stats().await
    }
}

#[async_trait]
impl SearchIndexStore for JournaledStore {
    async fn index_videos(&self) -> Result<Option<Indexed>, StoreError> {
        self.documents.index_videos().await
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use linkrelay_store::contract::sample;
    use linkrelay_store::requests::RequestPath;
    use linkrelay_store::sqlite::{JournalEntry, JournalPosition, JournalSize, LetterEntry};

    use super::*;

    fn document(id: DocumentId) -> LinkDocument {
        LinkDocument { id, ..sample::of_nulls(0) }
    }

    #[tokio::test]
    async fn the_row_of_a_video_is_that_of_the_documents() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name| Arc::new(SqliteStore::open(&folder.path().join(name)).unwrap());
        let (file, documents) = (open("journal.sqlite"), open("documents.sqlite"));
        let store = JournaledStore { documents: Arc::clone(&documents) as _, file };
        let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
        let known = LinkDocument {
            video_id: Some(video_id.to_string()),
            ..document(DocumentId::from_stored("T:0:7:9:0".to_owned()))
        };
        documents.write_batch(std::slice::from_ref(&known)).await.unwrap();
        let row = store.video(video_id).await.unwrap().unwrap();
        assert_eq!((row.video_id, row.seen.first_at), (video_id, known.stored_at));
        assert_eq!(store.registers(None, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_request_is_deleted_from_both_stores() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name| Arc::new(SqliteStore::open(&folder.path().join(name)).unwrap());
        let (file, documents) = (open("journal.sqlite"), open("documents.sqlite"));
        let request_id = RequestId::new(1);
        let letter = LetterEntry {
            document_id: DocumentId::of_request(request_id, 0),
            key: None,
            value: vec![],
            headers: vec![],
            written_at_ms: 0,
        };
        file.letter_append(letter).await.unwrap();
        let store = JournaledStore { documents, file: Arc::clone(&file) };
        store.write_batch(&[sample::failed(request_id, 0)]).await.unwrap();
        for deleted in [1, 0] {
            let done = store.delete_request(request_id, Timestamp::UNIX_EPOCH).await;
            assert_eq!(done, Ok(deleted));
        }
        assert_eq!(store.request_counts(request_id).await.unwrap().deleted, 1);
        assert_eq!(file.letters_after(0, 10).await.unwrap(), []);
    }

    #[tokio::test]
    async fn every_old_row_of_the_file_is_removed_although_few_documents_are() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name| Arc::new(SqliteStore::open(&folder.path().join(name)).unwrap());
        let (file, documents) = (open("journal.sqlite"), open("documents.sqlite"));
        let store = JournaledStore { documents, file };
        let rows =
            (1..=25).map(|n| RequestRow::new(RequestId::new(n), RequestPath::Kafka, false, []));
        store.add_requests(&rows.collect::<Vec<_>>()).await.unwrap();
        let later = Timestamp::now() + SignedDuration::from_secs(60);
        assert_eq!(store.remove_expired(later, 10).await.unwrap(), 0);
        assert_eq!(store.requests(None, 100).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_link_whose_document_is_written_or_known_to_be_stored_is_removed_from_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name| Arc::new(SqliteStore::open(&folder.path().join(name)).unwrap());
        let (file, documents) = (open("journal.sqlite"), open("documents.sqlite"));
        let ids = [0, 1, 2, 3, 4].map(|index| DocumentId::from_stored(format!("T:0:7:9:{index}")));
        let entry = |id: &DocumentId| JournalEntry {
            document_id: id.clone(),
            key: vec![],
            value: vec![],
            headers: vec![],
            kept_room: JournalSize::default(),
        };
        for store in [&file, &documents] {
            store.ensure_schema().await.unwrap();
        }
        file.journal_append(ids.iter().map(entry).collect()).await.unwrap();
        // As if the process had been killed between the document and the entry.
        let of = |status, index: usize| LinkDocument { status, ..document(ids[index].clone()) };
        let written = [
            of(LinkState::Stored, 1),
            of(LinkState::Expanded, 2),
            // Accepted again after it failed.
            of(LinkState::Failed, 3),
        ];
        documents.write_batch(&written).await.unwrap();
        let store = JournaledStore { documents, file: Arc::clone(&file) };
        let left = async || {
            let left = file.journal_pending(JournalPosition::START, 10).await.unwrap();
            left.into_iter().map(|pending| pending.entry.document_id).collect::<Vec<_>>()
        };
        store.write_batch(&[document(ids[0].clone())]).await.unwrap();
        assert_eq!(left().await, ids[1..]);
        store.done(&ids).await.unwrap();
        assert_eq!(left().await, ids[2..], "a list, a retry, and what has no document");
    }
}
