//! What is around a consumer, as benchmarks need it: an extractor that only takes time, and a store
//! that counts, with or without a real one behind it.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, RecordOrigin, RequestId, Video, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_store::{
    ExpandedRange, KnownDocument, LinkDocument, LinkStatus, LinkStore, RequestCounts, StoreError,
    WriteOutcome,
};
use tokio::sync::SetOnce;

use crate::drain::timer::Timer;

/// Finds every video after a while.
#[derive(Debug)]
pub(crate) struct SleepingExtractor {
    timer: Timer,
    video: Video,
    first_begun: OnceLock<Instant>,
    calls_total: AtomicU64,
    slept_nanoseconds: AtomicU64,
}

impl SleepingExtractor {
    /// Returns an extractor that waits by this timer, and finds this video.
    pub(crate) fn new(timer: Timer, video: Video) -> Self {
        Self {
            timer,
            video,
            first_begun: OnceLock::new(),
            calls_total: AtomicU64::new(0),
            slept_nanoseconds: AtomicU64::new(0),
        }
    }

    /// Returns when the first extraction began, if one has.
    pub(crate) fn first_begun(&self) -> Option<Instant> {
        self.first_begun.get().copied()
    }

    /// Returns how many extractions have begun.
    pub(crate) fn calls_total(&self) -> u64 {
        self.calls_total.load(Ordering::Relaxed)
    }

    /// Returns how long an extraction took on average.
    pub(crate) fn mean_sleep(&self) -> Duration {
        let calls_total = self.calls_total().max(1);
        Duration::from_nanos(self.slept_nanoseconds.load(Ordering::Relaxed) / calls_total)
    }
}

#[async_trait]
impl Extract for SleepingExtractor {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Result<Extraction, ExtractError> {
        self.calls_total.fetch_add(1, Ordering::Relaxed);
        if self.timer.is_none() {
            self.first_begun.get_or_init(Instant::now);
        } else {
            let begun = Instant::now();
            self.first_begun.get_or_init(|| begun);
            self.timer.sleep().await;
            let slept = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.slept_nanoseconds.fetch_add(slept, Ordering::Relaxed);
        }
        Ok(Extraction {
            video_id,
            video: self.video.clone(),
            source: "bench".to_owned(),
            extracted_at: Timestamp::now(),
        })
    }
}

/// Counts acknowledged documents, and knows when the last one expected was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct CountingStore {
    /// If `None`, everything is acknowledged immediately.
    inner: Option<Arc<dyn LinkStore>>,
    expected: u64,
    acknowledged: AtomicU64,
    batches_total: AtomicU64,
    all_acknowledged: SetOnce<Instant>,
    /// When each document was acknowledged, by its link, if the caller needs it.
    moments: Option<Mutex<HashMap<String, Instant>>>,
    /// Gets a line for each document when it is acknowledged, if the caller needs it.
    log: Option<File>,
}

impl CountingStore {
    /// Expects this number of documents and acknowledges them immediately.
    pub(crate) fn at_once(expected: u64) -> Self {
        Self { expected, ..Self::default() }
    }

    /// Expects this number of documents and passes them to a real store.
    pub(crate) fn before(inner: Arc<dyn LinkStore>, expected: u64) -> Self {
        Self { inner: Some(inner), expected, ..Self::default() }
    }

    /// Like [`before`](Self::before), but keeps when each document was acknowledged.
    pub(crate) fn with_moments(inner: Arc<dyn LinkStore>, expected: u64) -> Self {
        Self { moments: Some(Mutex::default()), ..Self::before(inner, expected) }
    }

    /// Appends a line for each document to a file when it is acknowledged: when, the partition and
    /// the offset of its record.
    pub(crate) fn log_to(&mut self, file: File) {
        self.log = Some(file);
    }

    /// Returns how many documents were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Returns the number of documents in a batch on average.
    pub(crate) fn mean_batch(&self) -> f64 {
        self.acknowledged() as f64 / self.batches_total.load(Ordering::Relaxed).max(1) as f64
    }

    /// Waits until all expected documents were acknowledged, and returns the moment.
    pub(crate) async fn all_acknowledged(&self) -> Instant {
        *self.all_acknowledged.wait().await
    }

    /// Returns when each document was acknowledged, by its link, and keeps it no longer.
    pub(crate) fn take_moments(&self) -> HashMap<String, Instant> {
        let kept = self.moments.as_ref().map(|kept| kept.lock());
        kept.map(|kept| take(&mut *kept.unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }

    /// One write for all, and no buffer: what was done before a SIGKILL is in the file.
    fn log(&self, documents: &[LinkDocument]) -> io::Result<()> {
        let Some(mut file) = self.log.as_ref() else { return Ok(()) };
        let at_ms = Timestamp::now().as_millisecond();
        let line =
            |origin: &RecordOrigin| format!("{at_ms} {} {}\n", origin.partition.0, origin.offset.0);
        let origins = documents.iter().filter_map(|document| document.kafka.as_ref());
        file.write_all(origins.map(line).collect::<String>().as_bytes())
    }

    fn count(&self, documents: &[LinkDocument]) {
        let now = Instant::now();
        if let Some(kept) = &self.moments {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(documents.iter().map(|document| (document.link.clone(), now)));
        }
        self.batches_total.fetch_add(1, Ordering::Relaxed);
        let count = documents.len() as u64;
        let acknowledged = self.acknowledged.fetch_add(count, Ordering::Relaxed) + count;
        if acknowledged >= self.expected {
            // A document beyond the last one expected does not move the moment.
            self.all_acknowledged.set(now).ok();
        }
    }
}

impl fmt::Display for CountingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} documents acknowledged", self.acknowledged(), self.expected)
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `inner` out")]
#[async_trait]
impl LinkStore for CountingStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        match &self.inner {
            Some(inner) => inner.ensure_schema().await,
            None => Ok(()),
        }
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let outcomes = match &self.inner {
            Some(inner) => inner.write_batch(documents).await?,
            None => vec![WriteOutcome::Inserted; documents.len()],
        };
        self.log(documents).map_err(|error| StoreError::Refused(error.to_string()))?;
        self.count(documents);
        Ok(outcomes)
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        match &self.inner {
            Some(inner) => inner.known(ids).await,
            None => Ok(Vec::new()),
        }
    }

    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError> {
        match &self.inner {
            Some(inner) => inner.done(ids).await,
            None => Ok(()),
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        match &self.inner {
            Some(inner) => inner.ping().await,
            None => Ok(()),
        }
    }

    async fn find(&self, _ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        Err(only_counts())
    }

    async fn request_counts(&self, _id: RequestId) -> Result<RequestCounts, StoreError> {
        Err(only_counts())
    }

    async fn request_links(
        &self,
        _request_id: RequestId,
        _from_index: u32,
        _limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        Err(only_counts())
    }

    async fn request_expansions(&self, _id: RequestId) -> Result<Vec<ExpandedRange>, StoreError> {
        Err(only_counts())
    }

    async fn delete_request(&self, _id: RequestId, _at: Timestamp) -> Result<u64, StoreError> {
        Err(only_counts())
    }

    /// A benchmark keeps all documents.
    async fn set_retention(&self, _: Option<Duration>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove_expired(&self, _: Timestamp, _: u32) -> Result<u32, StoreError> {
        Err(only_counts())
    }
}

/// No benchmark reads through this store.
fn only_counts() -> StoreError {
    StoreError::Refused("this store only counts".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[tokio::test]
    async fn the_last_document_expected_is_the_end() {
        let store = CountingStore::at_once(3);
        let documents = sample::documents(3);
        store.write_batch(&documents[..2]).await.unwrap();
        assert!(store.all_acknowledged.get().is_none());
        store.write_batch(&documents[2..]).await.unwrap();
        store.all_acknowledged().await;
        assert_eq!((store.acknowledged(), store.mean_batch()), (3, 1.5));
    }
}
