//! With a store and a YouTube that do what the test says.

use std::sync::atomic::{AtomicUsize, Ordering};

use linkrelay_common::{DocumentId, Video};
use linkrelay_store::testing::{FaultyStore, Method};
use linkrelay_store::{LinkDocument, LinkState, LinkStore};

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// Finds every video, as if it were asked for the first time.
#[derive(Debug, Default)]
struct YouTube(AtomicUsize);

impl YouTube {
    fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Extract for YouTube {
    async fn extract(&self, video_id: VideoId, _: bool) -> Result<Extraction, ExtractError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let source = "youtube".to_owned();
        Ok(Extraction { video_id, video: video(), source, extracted_at: Timestamp::now() })
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
        trace_parent: None,
    }
}

/// How often YouTube and the store were asked, and the source of the last answer.
struct AskedCounts {
    source: String,
    youtube: usize,
    store: usize,
}

async fn ask(store: FaultyStore, times: usize, force: bool) -> AskedCounts {
    let (youtube, store) = (Arc::new(YouTube::default()), Arc::new(store));
    let reuse = Reuse::new(Arc::clone(&youtube) as _, Arc::clone(&store) as _, HOUR);
    let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
    let mut source = String::new();
    for _ in 0..times {
        source = reuse.extract(video_id, force).await.unwrap().source;
    }
    AskedCounts { source, youtube: youtube.asked(), store: store.counts(Method::Video).calls }
}

/// Returns a store with metadata of this age.
async fn aged(minutes: i64) -> FaultyStore {
    let store = FaultyStore::default();
    store.write_batch(&[document(SignedDuration::from_mins(minutes))]).await.unwrap();
    store
}

#[tokio::test(start_paused = true)]
async fn recent_metadata_is_reused_unless_a_link_is_forced() {
    for minutes in [59, 0, -5] {
        let asked = ask(aged(minutes).await, 3, false).await;
        assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("watch_page", 0, 3));
    }
    let asked = ask(aged(0).await, 3, true).await;
    assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("youtube", 3, 0));
}

#[tokio::test(start_paused = true)]
async fn youtube_is_asked_if_metadata_is_old_or_missing() {
    for store in [aged(60).await, FaultyStore::default()] {
        let asked = ask(store, 2, false).await;
        assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("youtube", 2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_not_asked_for_some_time_and_costs_no_answer() {
    let (failing, silent) = (aged(0).await, aged(0).await);
    failing.fail(Method::Video, 0..usize::MAX);
    silent.hang(Method::Video);
    for store in [failing, silent] {
        let asked = ask(store, 9, false).await;
        assert_eq!((asked.source.as_str(), asked.youtube, asked.store), ("youtube", 9, 1));
    }
}
