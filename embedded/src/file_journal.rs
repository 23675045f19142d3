//! The journal in the SQLite file.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkIdentity, LinkTarget, parse_target};
use linkrelay_kafka::{LinkMessage, LinkRecord, RecordHeaders};
use linkrelay_store::LinkStore;
use linkrelay_store::requests::RequestRow;
use linkrelay_store::sqlite::{JournalEntry, JournalPosition, JournalSize, SqliteStore};
use rdkafka::message::{Header, Headers, OwnedHeaders};

use crate::journal::{Journal, JournalError};

/// What the embedded broker holds without dropping a record, even if all links are to one video and
/// so in one partition: 5 MiB and 100,000 batches (librdkafka's `rdkafka_mock.c`), less some 80
/// bytes around each record, and less 256 KiB for dead letters that are replayed.
const DEFAULT_BOUND: JournalSize = JournalSize { entries: 20_000, bytes: 3_407_872 };
/// How many entries one query reads.
const PAGE_ENTRIES: u32 = 1_000;
/// An upper bound for the entry of a list's video, with a trace of the usual length.
const VIDEO_ENTRY_BYTES: u64 = 400;

/// Keeps accepted links in the SQLite file, which removes an entry in the same transaction in which
/// it writes the link's document.
#[derive(Debug)]
pub struct SqliteJournal {
    store: Arc<SqliteStore>,
    bound: JournalSize,
    /// The most videos that a list may be expanded into.
    expand_limit: u32,
    /// What is being appended, and is not counted in the file yet.
    in_flight: Mutex<JournalSize>,
}

impl SqliteJournal {
    /// The most videos that a list may be expanded into, so that the embedded broker holds all of
    /// them.
    pub const MAX_EXPAND_LIMIT: u32 = 9_000;

    /// Makes a journal that accepts as much as the embedded broker holds, and keeps room for
    /// `expand_limit` videos of each list.
    pub fn new(store: Arc<SqliteStore>, expand_limit: u32) -> Self {
        Self { store, bound: DEFAULT_BOUND, expand_limit, in_flight: Mutex::default() }
    }

    /// Sets another bound.
    #[must_use]
    pub fn with_bound(self, bound: JournalSize) -> Self {
        Self { bound, ..self }
    }

    /// Returns the entry of a record; that of a list also counts for the videos that it may become.
    fn entry_of(&self, record: &LinkRecord) -> JournalEntry {
        let videos = match &record.target {
            LinkTarget::Video(_) => 0,
            LinkTarget::List(_) => u64::from(self.expand_limit),
        };
        let kept = JournalSize { entries: videos, bytes: videos * VIDEO_ENTRY_BYTES };
        entry_of(record, kept)
    }

    /// Reserves room until the guard is dropped. What is in the file and still in flight counts
    /// twice for a moment, so that the journal may refuse too early, but never accepts too much.
    ///
    /// # Errors
    /// [`JournalError::Full`] if there is not enough room.
    async fn reserve(&self, wanted: JournalSize) -> Result<Reserved<'_>, JournalError> {
        let reserved = Reserved::new(&self.in_flight, wanted);
        // Read before the file, so that what is written in between counts twice and not never.
        let in_flight = reserved.total();
        let in_file = self.store.journal_size().await.map_err(unusable)?;
        let has_room = in_file.entries + in_flight.entries <= self.bound.entries
            && in_file.bytes + in_flight.bytes <= self.bound.bytes;
        if has_room { Ok(reserved) } else { Err(JournalError::Full) }
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(
        &self,
        records: &[LinkRecord],
        request: Option<&RequestRow>,
    ) -> Result<(), JournalError> {
        let entries: Vec<_> = records.iter().map(|record| self.entry_of(record)).collect();
        let _reserved = self.reserve(size_of(&entries)).await?;
        let appended = match request {
            Some(request) => self.store.journal_request(request.clone(), entries).await,
            None => self.store.journal_append(entries).await,
        };
        appended.map_err(unusable)
    }

    async fn expand(&self, list: &DocumentId, videos: &[LinkRecord]) -> Result<(), JournalError> {
        let entries = videos.iter().map(|record| self.entry_of(record)).collect();
        self.store.journal_expand(list.clone(), entries).await.map_err(unusable)
    }

    async fn pending(&self) -> Result<Vec<LinkRecord>, JournalError> {
        let mut records = Vec::new();
        let mut after = JournalPosition::START;
        loop {
            let page = self.store.journal_pending(after, PAGE_ENTRIES).await.map_err(unusable)?;
            let Some(last) = page.last() else { return Ok(records) };
            after = last.position;
            records.extend(page.iter().filter_map(|pending| readable(&pending.entry)));
        }
    }

    async fn ping(&self) -> Result<(), JournalError> {
        self.store.ping().await.map_err(unusable)
    }
}

/// Room that is reserved until this is dropped.
struct Reserved<'a> {
    in_flight: &'a Mutex<JournalSize>,
    size: JournalSize,
}

impl<'a> Reserved<'a> {
    fn new(in_flight: &'a Mutex<JournalSize>, size: JournalSize) -> Self {
        let reserved = Self { in_flight, size };
        reserved.change(|total| {
            total.entries += size.entries;
            total.bytes += size.bytes;
        });
        reserved
    }

    fn total(&self) -> JournalSize {
        self.change(|total| *total)
    }

    fn change<T>(&self, change: impl FnOnce(&mut JournalSize) -> T) -> T {
        // The numbers are consistent after every step, so a panic elsewhere does no harm.
        change(&mut self.in_flight.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let size = self.size;
        self.change(|total| {
            total.entries -= size.entries;
            total.bytes -= size.bytes;
        });
    }
}

fn entry_of(record: &LinkRecord, kept_room: JournalSize) -> JournalEntry {
    let headers = record.headers().to_kafka();
    let headers = headers
        .iter()
        .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
    JournalEntry {
        document_id: record.document_id(),
        key: record.target.key().as_bytes().to_vec(),
        value: record.value(),
        headers: headers.collect(),
        kept_room,
    }
}

/// Returns the record of an entry. An entry that another version has written in another form is
/// skipped and stays in the journal, so that the others are published nevertheless.
pub(crate) fn readable(entry: &JournalEntry) -> Option<LinkRecord> {
    let record = record_of(entry);
    if record.is_none() {
        let id = &entry.document_id;
        tracing::warn!(document_id = %id, "the journal entry of {id} cannot be read and is skipped");
    }
    record
}

fn record_of(entry: &JournalEntry) -> Option<LinkRecord> {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &entry.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let headers = RecordHeaders::read(&headers);
    let identity = match (headers.request, headers.origin) {
        (Some((request_id, index)), _) => LinkIdentity::OfRequest { request_id, index },
        (None, Some((origin, index))) => LinkIdentity::OfRecord { origin, index },
        (None, None) => return None,
    };
    let message = LinkMessage::decode(&entry.value).ok()?;
    let link = message.links.into_iter().next()?;
    Some(LinkRecord {
        target: parse_target(&link).ok()?,
        link,
        force: message.force,
        identity,
        submitted_at: headers.submitted_at.unwrap_or_else(Timestamp::now),
        trace_parent: headers.trace_parent,
        failed_in: None,
    })
}

fn size_of(entries: &[JournalEntry]) -> JournalSize {
    entries.iter().fold(JournalSize::default(), |total, entry| {
        let headers: usize =
            entry.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = entry.key.len() + entry.value.len() + headers;
        JournalSize {
            entries: total.entries + 1 + entry.kept_room.entries,
            // It counts what is in memory, so it fits.
            bytes: total.bytes + entry.kept_room.bytes + u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    })
}

fn unusable(error: linkrelay_store::StoreError) -> JournalError {
    JournalError::Unusable(error.to_string())
}

#[cfg(test)]
mod tests {
    use linkrelay_common::RequestId;

    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn records(count: u32) -> Vec<LinkRecord> {
        let request_id = RequestId::new(count);
        (0..count)
            .map(|index| LinkRecord {
                target: LinkTarget::Video("5fR9AHlSDtc".parse().unwrap()),
                link: "https://youtu.be/5fR9AHlSDtc".to_owned(),
                force: index % 2 == 0,
                identity: LinkIdentity::OfRequest { request_id, index },
                submitted_at: Timestamp::now(),
                trace_parent: (index == 0).then(|| TRACE.parse().unwrap()),
                failed_in: None,
            })
            .collect()
    }

    async fn journal(bound: JournalSize) -> (tempfile::TempDir, SqliteJournal) {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("test.sqlite")).unwrap());
        store.ensure_schema().await.unwrap();
        (dir, SqliteJournal::new(store, 3).with_bound(bound))
    }

    #[tokio::test]
    async fn appended_links_are_pending_in_their_order() {
        let (_dir, journal) = journal(DEFAULT_BOUND).await;
        let records = records(2_500);
        journal.append(&records[..10], None).await.unwrap();
        journal.append(&records[10..], None).await.unwrap();
        assert_eq!(journal.pending().await.unwrap(), records);
    }

    #[tokio::test]
    async fn up_to_the_bound_all_links_are_journaled_or_none() {
        let (_dir, journal) = journal(JournalSize { entries: 5, bytes: 1_000_000 }).await;
        let records = records(6);
        assert!(matches!(journal.append(&records, None).await, Err(JournalError::Full)));
        assert_eq!(journal.pending().await.unwrap(), []);
        journal.append(&records[..5], None).await.unwrap();
        assert!(matches!(journal.append(&records[5..], None).await, Err(JournalError::Full)));
        assert_eq!(journal.pending().await.unwrap(), records[..5]);
    }

    #[tokio::test]
    async fn a_list_has_room_for_its_videos_and_releases_what_it_does_not_use() {
        let (_dir, journal) = journal(JournalSize { entries: 5, bytes: 1_000_000 }).await;
        let mut records = records(4);
        let list = LinkRecord {
            link: "https://www.youtube.com/playlist?list=PL1".to_owned(),
            target: parse_target("https://www.youtube.com/playlist?list=PL1").unwrap(),
            ..records.remove(0)
        };
        journal.append(std::slice::from_ref(&list), None).await.unwrap();
        assert!(matches!(journal.append(&records[..2], None).await, Err(JournalError::Full)));
        journal.append(&records[..1], None).await.unwrap();
        let videos = &records[1..];
        journal.expand(&list.document_id(), videos).await.unwrap();
        assert_eq!(journal.pending().await.unwrap(), records);
        // Delivered again.
        journal.expand(&list.document_id(), videos).await.unwrap();
        assert_eq!(journal.pending().await.unwrap(), records);
        let size = journal.store.journal_size().await.unwrap();
        assert_eq!(size.entries, 3);
    }

    #[tokio::test]
    async fn bytes_are_also_bounded() {
        let (_dir, journal) = journal(JournalSize { entries: 100, bytes: 500 }).await;
        assert!(matches!(journal.append(&records(10), None).await, Err(JournalError::Full)));
        journal.append(&records(1), None).await.unwrap();
    }

    #[tokio::test]
    async fn concurrent_appends_stay_below_the_bound() {
        let (_dir, journal) = journal(JournalSize { entries: 50, bytes: 1_000_000 }).await;
        let batches: Vec<_> = (0..30).map(|_| records(5)).collect();
        let appends = batches.iter().map(|batch| journal.append(batch, None));
        let taken = futures::future::join_all(appends).await;
        let accepted_count = taken.iter().filter(|taken| taken.is_ok()).count() * 5;
        assert!((5..=50).contains(&accepted_count), "{accepted_count}");
        assert_eq!(journal.pending().await.unwrap().len(), accepted_count);
    }
}
