//! Beside a store and a YouTube that do what the test says.

use std::sync::atomic::AtomicUsize;

use linkrelay_common::{DocumentId, RequestId, Video};
use linkrelay_store::{LinkState, LinkStatus, RequestCounts, StoreError, WriteOutcome};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// Finds everything anew.
#[derive(Debug, Default)]
struct YouTube(AtomicUsize);

#[async_trait]
impl Extract for YouTube {
    async fn extract(&self, video_id: VideoId, _: bool) -> Result<Extraction, ExtractError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let source = "youtube".to_owned();
        Ok(Extraction { video_id, video: video(), source, extracted_at: Timestamp::now() })
    }
}

/// Has one document, or trouble.
#[derive(Debug)]
struct OneDocument {
    answer: Mutex<Result<Option<LinkDocument>, StoreError>>,
    is_silent: bool,
    index_attempts: AtomicUsize,
    index_failures: usize,
    lookups: AtomicUsize,
}

#[async_trait]
impl LinkStore for OneDocument {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn write_batch(&self, _: &[LinkDocument]) -> Result<Vec<WriteOutcome>, StoreError> {
        Ok(vec![])
    }
    async fn find(&self, _: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        Ok(vec![])
    }
    async fn request_counts(&self, _: RequestId) -> Result<RequestCounts, StoreError> {
        Ok(RequestCounts::default())
    }
    async fn request_links(
        &self,
        _: RequestId,
        _: u32,
        _: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        Ok(vec![])
    }
    async fn ensure_video_index(&self) -> Result<(), StoreError> {
        let attempts = self.index_attempts.fetch_add(1, Ordering::Relaxed);
        if attempts < self.index_failures { Err(away()) } else { Ok(()) }
    }
    async fn newest_of_video(&self, _: VideoId) -> Result<Option<LinkDocument>, StoreError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        self.answer.lock().unwrap().clone()
    }
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn away() -> StoreError {
    StoreError::Unreachable("the test says so".to_owned())
}

fn store(answer: Result<Option<LinkDocument>, StoreError>) -> OneDocument {
    OneDocument {
        answer: Mutex::new(answer),
        is_silent: false,
        index_attempts: AtomicUsize::new(0),
        index_failures: 0,
        lookups: AtomicUsize::new(0),
    }
}

fn video() -> Video {
    Video::titled("a title")
}

fn document(age: SignedDuration) -> LinkDocument {
    LinkDocument {
        id: DocumentId::from_stored("T:0:0:7:0".to_owned()),
        request_id: None,
        index: 0,
        link: String::new(),
        video_id: Some("5fR9AHlSDtc".to_owned()),
        status: LinkState::Stored,
        video: Some(video()),
        expansion: None,
        error: None,
        source: Some("watch_page".to_owned()),
        submitted_at: None,
        extracted_at: Some(Timestamp::now() - age),
        stored_at: Timestamp::now(),
        kafka: None,
    }
}

/// What was asked of YouTube and of the store, and the answer's source.
struct Asked {
    source: String,
    youtube: usize,
    store: usize,
}

async fn ask(store: OneDocument, times: usize, force: bool) -> Asked {
    let (youtube, store) = (Arc::new(YouTube::default()), Arc::new(store));
    let reuse = Reuse::start(Arc::clone(&youtube) as _, Arc::clone(&store) as _, HOUR);
    while !reuse.is_indexed.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
    let mut source = String::new();
    for _ in 0..times {
        source = reuse.extract(video_id, force).await.unwrap().source;
    }
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    Asked { source, youtube: count(&youtube.0), store: count(&store.lookups) }
}

fn aged(minutes: i64) -> OneDocument {
    store(Ok(Some(document(SignedDuration::from_mins(minutes)))))
}

#[tokio::test(start_paused = true)]
async fn what_is_young_is_reused_and_force_passes_by() {
    for minutes in [59, 0, -5] {
        let asked = ask(aged(minutes), 3, false).await;
        assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("watch_page", 0, 3));
    }
    let asked = ask(aged(0), 3, true).await;
    assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("youtube", 3, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_old_or_not_there_is_asked_for() {
    for store in [aged(60), store(Ok(None))] {
        let asked = ask(store, 2, false).await;
        assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("youtube", 2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_in_trouble_is_left_alone_for_a_while_and_costs_no_answer() {
    for store in [store(Err(away())), OneDocument { is_silent: true, ..aged(0) }] {
        let asked = ask(store, 9, false).await;
        assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("youtube", 9, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_looks_before_the_index_is_there() {
    let store = Arc::new(OneDocument { index_failures: 2, ..aged(0) });
    let youtube = Arc::new(YouTube::default());
    let reuse = Reuse::start(Arc::clone(&youtube) as _, Arc::clone(&store) as _, HOUR);
    let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
    assert_eq!(reuse.extract(video_id, false).await.unwrap().source, "youtube");
    assert_eq!(store.lookups.load(Ordering::Relaxed), 0);
    while !reuse.is_indexed.load(Ordering::Acquire) {
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(store.index_attempts.load(Ordering::Relaxed), 3);
    assert_eq!(reuse.extract(video_id, false).await.unwrap().source, "watch_page");
}
