//! Single flight and cache, against an extractor that counts its requests and can be held.

use std::sync::Mutex;

use futures::future::join_all;
use jiff::Timestamp;
use linkrelay_common::video::Video;
use tokio::sync::Semaphore;

use super::*;
use crate::error::Refusal;
use crate::strategies::untitled;

#[derive(Debug)]
struct Inner {
    asked: AtomicU64,
    ended: AtomicU64,
    /// Each request takes one permit.
    permits: Semaphore,
    answers: Mutex<Vec<ExtractError>>,
}

/// Counts a request as ended, also if it panicked or was dropped.
struct Ended<'a>(&'a AtomicU64);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Inner {
    fn new(permits: usize, answers: Vec<ExtractError>) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            permits: Semaphore::new(permits),
            answers: Mutex::new(answers),
        })
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Extract for Inner {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Extracted {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let _ended = Ended(&self.ended);
        self.permits.acquire().await.unwrap().forget();
        if let Some(error) = self.answers.lock().unwrap().pop() {
            return Err(error);
        }
        let video = Video { title: format!("answer {number}"), ..untitled() };
        let source = "inner".to_owned();
        Ok(Extraction { video_id, video, source, extracted_at: Timestamp::now() })
    }
}

fn settings() -> CacheSettings {
    CacheSettings {
        entries: 1_000,
        ttl: Duration::from_secs(600),
        negative_ttl: Duration::from_secs(60),
    }
}

fn id(n: usize) -> VideoId {
    VideoId::parse(&format!("{n:011}")).unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let looking = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.unwrap();
}

#[tokio::test]
async fn calls_during_a_request_wait_for_its_answer_and_a_later_call_gets_it() {
    let inner = Inner::new(0, Vec::new());
    let cached = Cached::new(inner.clone(), settings());
    let asks = join_all((0..1_000).map(|_| cached.extract(id(1), false)));
    let go = async {
        until(|| inner.asked() == 1).await;
        inner.permits.add_permits(1);
    };
    let (answers, ()) = tokio::join!(asks, go);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().video.title == "answer 1"));
    cached.extract(id(1), false).await.unwrap();
    let counts = CacheCounts { hits_total: 1, joins_total: 999, misses_total: 1 };
    assert_eq!((inner.asked(), cached.counts()), (1, counts));
    assert_eq!(cached.flights.count(), 0);
}

#[tokio::test]
async fn force_bypasses_the_cache_and_joins_a_flight() {
    let inner = Inner::new(1, Vec::new());
    let cached = Cached::new(inner.clone(), settings());
    cached.extract(id(1), false).await.unwrap();
    let forced = join_all([cached.extract(id(1), true), cached.extract(id(1), true)]);
    let go = async {
        until(|| inner.asked() == 2).await;
        inner.permits.add_permits(1);
    };
    let (answers, ()) = tokio::join!(forced, go);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().video.title == "answer 2"));
    let kept = cached.extract(id(1), false).await.unwrap();
    assert_eq!(kept.video.title, "answer 2", "a forced answer is cached");
}

#[tokio::test]
async fn a_refusal_is_cached_and_a_temporary_error_is_not() {
    let errors = vec![
        ExtractError::Refused(Refusal::Private),
        ExtractError::Throttled { reason: "status_429", retry_after: None },
        ExtractError::Status(503),
    ];
    let inner = Inner::new(10, errors);
    let cached = Cached::new(inner.clone(), settings());
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(cached.extract(id(1), false).await.unwrap_err().code());
    }
    assert_eq!(codes, ["bad_status", "throttled", "private", "private", "private"]);
    assert_eq!(inner.asked(), 3);
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_end_a_flight_for_the_others_and_the_last_one_does() {
    let inner = Inner::new(0, Vec::new());
    let cached = Cached::new(inner.clone(), settings());
    let mut first = Box::pin(cached.extract(id(1), false));
    let mut second = Box::pin(cached.extract(id(1), false));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    until(|| inner.asked() == 1).await;
    drop(first);
    inner.permits.add_permits(1);
    assert_eq!(second.await.unwrap().video.title, "answer 1");

    let mut alone = Box::pin(cached.extract(id(2), false));
    assert!(futures::poll!(&mut alone).is_pending());
    until(|| inner.asked() == 2).await;
    drop(alone);
    until(|| inner.ended.load(Ordering::SeqCst) == 2 && cached.flights.count() == 0).await;
    inner.permits.add_permits(1);
    assert_eq!(cached.extract(id(2), false).await.unwrap().video.title, "answer 3");
}

#[tokio::test]
async fn without_entries_nothing_is_cached_but_flights_are_shared() {
    let inner = Inner::new(10, Vec::new());
    let cached = Cached::new(inner.clone(), CacheSettings { entries: 0, ..settings() });
    join_all((0..100).map(|_| cached.extract(id(1), false))).await;
    assert_eq!(inner.asked(), 1);
    cached.extract(id(1), false).await.unwrap();
    assert_eq!(inner.asked(), 2);
}

#[tokio::test]
async fn an_expired_answer_is_asked_for_again() {
    let inner = Inner::new(10, vec![ExtractError::Refused(Refusal::Private)]);
    let short = CacheSettings { negative_ttl: Duration::from_millis(1), ..settings() };
    let cached = Cached::new(inner.clone(), short);
    cached.extract(id(1), false).await.unwrap_err();
    until(|| cached.memory.get(id(1)).is_none()).await;
    cached.extract(id(1), false).await.unwrap();
    assert_eq!(inner.asked(), 2);
    assert!(cached.memory.get(id(1)).is_some(), "metadata is kept for longer");
}

#[derive(Debug)]
struct Panics;

#[async_trait]
impl Extract for Panics {
    async fn extract(&self, _video_id: VideoId, _force: bool) -> Extracted {
        panic!("this panic is part of the test")
    }
}

#[tokio::test]
async fn a_panic_is_an_error_only_for_the_callers_that_wait() {
    let cached = Cached::new(Arc::new(Panics), settings());
    for _ in 0..2 {
        let answers = join_all((0..3).map(|_| cached.extract(id(1), false))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().code() == "unreadable"));
        assert_eq!(cached.flights.count(), 0);
    }
}
