//! The journal of the embedded mode, which makes up for a broker that forgets on exit: accepted
//! links stand in the SQLite file until their documents are written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use linkrelay_common::{DocumentId, LinkMessage, RecordHeaders, RequestId, VideoId};
use linkrelay_producer::journal::{Journal, JournalError};
use linkrelay_producer::record::LinkRecord;
use linkrelay_store::sqlite::{JournalEntry, JournalPosition, SqliteStore};
use linkrelay_store::{
    LinkDocument, LinkStatus, LinkStore, RequestCounts, StoreError, WriteOutcome,
};
use rdkafka::message::{Header, Headers, OwnedHeaders};

/// The embedded broker drops the oldest records of a partition beyond 5 MiB. Should all links
/// go to one partition, so much still fits, whatever compression gives.
const MAX_HELD_BYTES: u64 = 4 * 1_024 * 1_024;
/// A record's frame in the broker.
const FRAME_BYTES: u64 = 100;
const PAGE: u32 = 1_000;

/// The journal as the producer uses it.
#[derive(Debug)]
pub(crate) struct SqliteJournal {
    file: Arc<SqliteStore>,
    /// What the journal held when it was last looked at, and what was added since.
    held_bytes: AtomicU64,
}

impl SqliteJournal {
    pub(crate) fn new(file: Arc<SqliteStore>) -> Self {
        Self { file, held_bytes: AtomicU64::new(0) }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let size = self.file.journal_size().await?;
        self.held_bytes.store(size.bytes + size.entries * FRAME_BYTES, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, records: &[LinkRecord]) -> Result<(), JournalError> {
        let entries: Vec<JournalEntry> = records.iter().map(entry).collect();
        let added: u64 = entries.iter().map(size_bytes).sum();
        if self.held_bytes.fetch_add(added, Ordering::Relaxed) + added > MAX_HELD_BYTES {
            self.held_bytes.fetch_sub(added, Ordering::Relaxed);
            return Err(JournalError::Full);
        }
        self.file.journal_append(entries).await.map_err(unusable)
    }

    async fn pending(&self) -> Result<Vec<LinkRecord>, JournalError> {
        self.look().await.map_err(unusable)?;
        let (mut records, mut after) = (Vec::new(), JournalPosition::START);
        loop {
            let page = self.file.journal_pending(after, PAGE).await.map_err(unusable)?;
            let Some(last) = page.last() else { return Ok(records) };
            after = last.position;
            records.extend(page.iter().filter_map(|pending| record(&pending.entry)));
        }
    }
}

fn unusable(error: StoreError) -> JournalError {
    JournalError::Unusable(error.to_string())
}

fn entry(record: &LinkRecord) -> JournalEntry {
    let headers = record.headers().to_kafka();
    let header = |header: Header<'_, &[u8]>| Some((header.key.to_owned(), header.value?.to_vec()));
    JournalEntry {
        document_id: record.document_id(),
        key: record.video_id.as_str().as_bytes().to_vec(),
        value: record.value(),
        headers: headers.iter().filter_map(header).collect(),
    }
}

fn size_bytes(entry: &JournalEntry) -> u64 {
    let headers: usize = entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    (entry.key.len() + entry.value.len() + headers) as u64 + FRAME_BYTES
}

/// `None` for an entry that nobody can read; it was written by a later version, or by hand.
fn record(entry: &JournalEntry) -> Option<LinkRecord> {
    let record = try_record(entry);
    if record.is_none() {
        tracing::warn!(document_id = %entry.document_id, "a journaled link cannot be read and is left alone");
    }
    record
}

fn try_record(entry: &JournalEntry) -> Option<LinkRecord> {
    let video_id = VideoId::parse(std::str::from_utf8(&entry.key).ok()?).ok()?;
    let message = LinkMessage::decode(&entry.value).ok()?;
    let headers = entry.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value.as_slice()) })
    });
    let RecordHeaders { place, submitted_at, trace_parent } = RecordHeaders::read(&headers);
    let ((request_id, index), submitted_at) = place.zip(submitted_at)?;
    let link = message.links.into_iter().next()?;
    Some(LinkRecord {
        video_id,
        link,
        force: message.force,
        request_id,
        index,
        submitted_at,
        trace_parent,
    })
}

/// A store that takes a link out of the journal once its document is written.
///
/// The SQLite store does so itself, in the transaction of the document. With another store, an
/// entry may outlive its document for a moment; published again, it finds the document there.
#[derive(Debug)]
pub(crate) struct JournaledStore {
    pub(crate) documents: Arc<dyn LinkStore>,
    pub(crate) journal: Arc<SqliteJournal>,
}

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
        let written = documents.iter().zip(&outcomes);
        let written =
            written.filter(|(_, outcome)| !matches!(outcome, WriteOutcome::Refused { .. }));
        self.journal
            .file
            .journal_remove(written.map(|(document, _)| document.id.clone()).collect())
            .await?;
        self.journal.look().await?;
        Ok(outcomes)
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        self.documents.find(ids).await
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

    async fn ping(&self) -> Result<(), StoreError> {
        self.documents.ping().await
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use linkrelay_store::LinkState;

    use super::*;

    fn link_record(index: u32) -> LinkRecord {
        LinkRecord {
            video_id: VideoId::parse("5fR9AHlSDtc").unwrap(),
            link: "https://youtu.be/5fR9AHlSDtc?t=3".to_owned(),
            force: index == 1,
            request_id: RequestId::new(index + 1),
            index,
            submitted_at: Timestamp::UNIX_EPOCH,
            trace_parent: (index == 1)
                .then(|| "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        }
    }

    #[tokio::test]
    async fn a_record_survives_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(SqliteStore::open(&folder.path().join("j.sqlite")).unwrap());
        let journal = SqliteJournal::new(file);
        let records = [link_record(0), link_record(1)];
        journal.append(&records).await.unwrap();
        assert_eq!(journal.pending().await.unwrap(), records);
    }

    #[tokio::test]
    async fn it_takes_no_more_than_the_broker_holds_until_documents_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = Arc::new(SqliteStore::open(&folder.path().join("j.sqlite")).unwrap());
        file.ensure_schema().await.unwrap();
        let journal = Arc::new(SqliteJournal::new(Arc::clone(&file)));
        let record = LinkRecord { link: "x".repeat(1_000_000), ..link_record(0) };
        let same_but =
            |index| LinkRecord { index, request_id: RequestId::new(9), ..record.clone() };
        for index in 0..4 {
            journal.append(&[same_but(index)]).await.unwrap();
        }
        let more = [same_but(4)];
        assert!(matches!(journal.append(&more).await, Err(JournalError::Full)));
        let first = journal.pending().await.unwrap().remove(0);
        let store = JournaledStore { documents: file, journal: Arc::clone(&journal) };
        store.write_batch(&[failed_document(&first)]).await.unwrap();
        assert_eq!(journal.pending().await.unwrap().len(), 3);
        journal.append(&more).await.unwrap();
    }

    fn failed_document(record: &LinkRecord) -> LinkDocument {
        LinkDocument {
            id: record.document_id(),
            request_id: Some(record.request_id),
            index: record.index,
            link: "x".to_owned(),
            video_id: None,
            status: LinkState::Failed,
            video: None,
            error: None,
            source: None,
            submitted_at: None,
            extracted_at: None,
            stored_at: Timestamp::UNIX_EPOCH,
            kafka: None,
        }
    }
}
