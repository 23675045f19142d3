//! Chains of strategies that always give the same answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use linkrelay_common::video::Video;

use super::*;
use crate::error::Refusal;
use crate::strategies::untitled;

/// Always gives the same answer, and counts how often it was asked.
#[derive(Debug)]
struct Fixed {
    name: &'static str,
    answer: Result<&'static str, ExtractError>,
    asked: AtomicUsize,
    is_last_resort: bool,
}

#[async_trait]
impl Strategy for Fixed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_last_resort(&self) -> bool {
        self.is_last_resort
    }

    async fn extract(&self, _video_id: VideoId) -> Result<Video, ExtractError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.answer.clone().map(titled)
    }
}

fn titled(title: &str) -> Video {
    Video { title: title.to_owned(), ..untitled() }
}

fn fixed(name: &'static str, answer: Result<&'static str, ExtractError>) -> Arc<Fixed> {
    let is_last_resort = name == "last";
    Arc::new(Fixed { name, answer, asked: AtomicUsize::new(0), is_last_resort })
}

fn id() -> VideoId {
    VideoId::parse("5fR9AHlSDtc").unwrap()
}

fn unreadable() -> ExtractError {
    ExtractError::Unreadable("odd".to_owned())
}

fn unconfirmed() -> ExtractError {
    ExtractError::Unconfirmed { refusal: Refusal::Private, canary: "status 503".to_owned() }
}

fn throttled() -> ExtractError {
    ExtractError::Throttled { reason: "status_429", retry_after: Some(Duration::from_secs(7)) }
}

/// Asks a chain of two strategies with these answers. Returns the source or the error's code, and
/// how often the second strategy was asked.
async fn together(
    first: Result<&'static str, ExtractError>,
    second: Result<&'static str, ExtractError>,
) -> (String, usize) {
    let (first, second) = (fixed("first", first), fixed("second", second));
    let chain = Chain::new(vec![first, second.clone()]);
    let answer = match chain.extract(id(), false).await {
        Ok(extraction) => {
            assert_eq!(extraction.video_id, id());
            extraction.source
        }
        Err(error) => error.code().to_owned(),
    };
    (answer, second.asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_title_a_refusal_or_throttling_ends_the_search() {
    let private = ExtractError::Refused(Refusal::Private);
    let broken = ExtractError::Status(500);
    let throttled_alone = ExtractError::ThrottledAlone { reason: "bot_check" };
    for (first, second, result, asked) in [
        (Ok("title"), Ok("title"), "first", 0),
        (Ok(" "), Ok("title"), "second", 1),
        (Err(unreadable()), Ok("title"), "second", 1),
        (Err(broken.clone()), Ok("title"), "second", 1),
        (Err(private.clone()), Ok("title"), "private", 0),
        (Err(throttled()), Ok("title"), "throttled", 0),
        (Err(throttled_alone), Ok("title"), "throttled_alone", 0),
        (Err(unconfirmed()), Ok("title"), "second", 1),
        (Err(unconfirmed()), Err(broken.clone()), "unconfirmed", 1),
        (Err(unreadable()), Err(private), "private", 1),
        (Err(broken), Err(throttled()), "throttled", 1),
    ] {
        assert_eq!(together(first, second).await, (result.to_owned(), asked));
    }
}

#[tokio::test]
async fn the_most_telling_error_is_the_result() {
    let timed_out = ExtractError::TimedOut(Duration::from_secs(1));
    let broken = ExtractError::Connection("reset".to_owned());
    for (first, second, code) in [
        (unreadable(), ExtractError::Status(503), "bad_status"),
        (ExtractError::Status(503), unreadable(), "bad_status"),
        (broken.clone(), timed_out.clone(), "timed_out"),
        (timed_out, broken.clone(), "timed_out"),
        (unreadable(), broken, "connection"),
    ] {
        assert_eq!(together(Err(first), Err(second)).await, (code.to_owned(), 1));
    }
}

#[tokio::test]
async fn a_last_resort_is_asked_after_unreadable_answers_and_not_after_temporary_failures() {
    for (before, asked) in [
        (unreadable(), 1),
        (ExtractError::Status(404), 1),
        (ExtractError::Status(503), 0),
        (ExtractError::Connection("reset".to_owned()), 0),
        (ExtractError::TimedOut(Duration::from_secs(1)), 0),
        (unconfirmed(), 0),
    ] {
        let last = fixed("last", Ok("title"));
        let chain = Chain::new(vec![fixed("first", Err(before.clone())), last.clone()]);
        assert_eq!(chain.extract(id(), false).await.is_ok(), asked == 1, "{before}");
        assert_eq!(last.asked.load(Ordering::Relaxed), asked, "{before}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strategy_that_fails_where_others_succeed_is_skipped_and_probed() {
    let (broken, good) = (fixed("broken", Err(unreadable())), fixed("good", Ok("title")));
    let chain = Chain::new(vec![broken.clone(), good]);
    let mut asked = Vec::new();
    for _ in 0..8 {
        assert_eq!(chain.extract(id(), false).await.unwrap().source, "good");
        asked.push(broken.asked.load(Ordering::Relaxed));
    }
    assert_eq!(asked, [1, 2, 3, 4, 5, 5, 5, 5]);
    assert_eq!(chain.breakers()[0], ("broken", BreakerState::Open));
    tokio::time::advance(Duration::from_secs(60)).await;
    for _ in 0..3 {
        chain.extract(id(), false).await.unwrap();
    }
    assert_eq!(broken.asked.load(Ordering::Relaxed), 6, "one probe");
}

#[tokio::test]
async fn when_all_fail_no_breaker_opens() {
    let chain = Chain::new(vec![fixed("one", Err(unreadable())), fixed("two", Err(unreadable()))]);
    for _ in 0..20 {
        assert_eq!(chain.extract(id(), false).await.unwrap_err().code(), "unreadable");
    }
    assert!(chain.breakers().iter().all(|(_, state)| *state == BreakerState::Closed));
}

#[tokio::test]
async fn with_every_strategy_closed_the_link_waits_at_no_cost() {
    let closed = |seconds| ExtractError::StoodDown {
        reason: "quota_used_up",
        reopens_in: Duration::from_secs(seconds),
    };
    let chain = Chain::new(vec![fixed("one", Err(closed(9))), fixed("two", Err(closed(4)))]);
    let error = chain.extract(id(), false).await.unwrap_err();
    let ExtractError::Throttled { retry_after, .. } = error else { panic!("{error}") };
    assert_eq!(retry_after, Some(Duration::from_secs(4)));
    assert_eq!(together(Err(closed(9)), Err(unreadable())).await, ("unreadable".to_owned(), 1));
}

#[tokio::test]
async fn without_a_strategy_nothing_is_found() {
    let error = Chain::new(Vec::new()).extract(id(), false).await.unwrap_err();
    assert_eq!(error.code(), "unreadable");
}
