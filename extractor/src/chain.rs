//! Tries one strategy after the other, and knows when to stop.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{ErrorClass, VideoId};

use crate::breaker::{Admission, Breaker, BreakerState};
use crate::error::ExtractError;
use crate::extraction::Extraction;
use crate::{Extract, Strategy};

/// Strategies in the order in which they are tried.
///
/// - The first answer with a title is the answer.
/// - A clear refusal ends the search: what is private is private whoever asks.
/// - So does throttling: to ask in a second way while asked to ask less would be rude.
/// - Every other error lets the next strategy try. If all fail, the result is the error that
///   tells most of the far side: a status before a time-out before a broken connection before
///   an answer that was not understood; of equals the first, whose strategy is preferred.
/// - A last resort is asked only if nothing before it met trouble of the moment (a time-out, a
///   broken connection, 5xx): then the link is better tried again, for the whole metadata.
/// - A strategy that fails where a later one succeeds is stepped over after a few times; see
///   [`crate::breaker`]. If none is left to ask, that is throttling: it costs the link nothing.
#[derive(Debug)]
pub struct Chain {
    ways: Vec<Way>,
}

#[derive(Debug)]
struct Way {
    strategy: Arc<dyn Strategy>,
    breaker: Arc<Breaker>,
}

/// What is known while the search goes on.
#[derive(Debug, Default)]
struct Search {
    most_telling: Option<ExtractError>,
    /// Strategies whose failure will be theirs if another one succeeds.
    doubted: Vec<Admission>,
    has_met_trouble: bool,
}

impl Chain {
    /// With no strategy at all, every answer is Unreadable.
    pub fn new(strategies: Vec<Arc<dyn Strategy>>) -> Self {
        let way = |strategy| Way { strategy, breaker: Arc::new(Breaker::default()) };
        Self { ways: strategies.into_iter().map(way).collect() }
    }

    /// Each strategy's name, with the state of its breaker.
    pub fn breakers(&self) -> Vec<(&'static str, BreakerState)> {
        self.ways.iter().map(|way| (way.strategy.name(), way.breaker.state())).collect()
    }
}

#[async_trait]
impl Extract for Chain {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Result<Extraction, ExtractError> {
        let mut search = Search::default();
        for Way { strategy, breaker } in &self.ways {
            if strategy.is_last_resort() && search.has_met_trouble {
                continue;
            }
            let admission = match breaker.admit(strategy.name()) {
                Ok(admission) => admission,
                Err(reopens_in) => {
                    search.note(ExtractError::StoodDown { reason: "breaker_open", reopens_in });
                    continue;
                }
            };
            let error = match try_one(strategy.as_ref(), video_id).await {
                Ok(extraction) => {
                    search.succeeded(admission);
                    return Ok(extraction);
                }
                Err(error) => error,
            };
            tell(strategy.name(), video_id, &error);
            match error.class() {
                ErrorClass::Permanent => {
                    search.succeeded(admission);
                    return Err(error);
                }
                ErrorClass::Throttled => return Err(error),
                _ => search.failed(admission, error),
            }
        }
        Err(search.end())
    }
}

impl Search {
    /// One strategy knew: those before it should have.
    fn succeeded(&mut self, admission: Admission) {
        admission.succeeded();
        self.doubted.drain(..).for_each(Admission::failed);
    }

    fn failed(&mut self, admission: Admission, error: ExtractError) {
        // To stand down is no failure: nothing was asked.
        if !matches!(error, ExtractError::StoodDown { .. }) {
            self.doubted.push(admission);
        }
        self.note(error);
    }

    fn note(&mut self, error: ExtractError) {
        self.has_met_trouble |= is_of_the_moment(&error);
        self.most_telling = Some(match self.most_telling.take() {
            Some(before) if weight(&before) >= weight(&error) => sooner(before, &error),
            _ => error,
        });
    }

    fn end(self) -> ExtractError {
        match self.most_telling {
            Some(ExtractError::StoodDown { reason, reopens_in }) => {
                ExtractError::Throttled { reason, retry_after: Some(reopens_in) }
            }
            Some(error) => error,
            None => ExtractError::Unreadable("there is no strategy".to_owned()),
        }
    }
}

/// Of two closed ways the time of the one that opens first.
fn sooner(before: ExtractError, error: &ExtractError) -> ExtractError {
    match (before, error) {
        (
            ExtractError::StoodDown { reason, reopens_in },
            ExtractError::StoodDown { reopens_in: other, .. },
        ) => ExtractError::StoodDown { reason, reopens_in: Duration::min(reopens_in, *other) },
        (before, _) => before,
    }
}

fn is_of_the_moment(error: &ExtractError) -> bool {
    matches!(
        error,
        ExtractError::TimedOut(_) | ExtractError::Connection(_) | ExtractError::Status(500..)
    )
}

fn tell(strategy: &'static str, video_id: VideoId, error: &ExtractError) {
    tracing::debug!(
        video_id = video_id.as_str(),
        strategy,
        error.code = error.code(),
        "{strategy} found no metadata of {video_id}: {error}",
    );
}

async fn try_one(strategy: &dyn Strategy, video_id: VideoId) -> Result<Extraction, ExtractError> {
    let video = strategy.extract(video_id).await?;
    if video.title.trim().is_empty() {
        return Err(ExtractError::Unreadable("it has no title".to_owned()));
    }
    tracing::debug!(
        video_id = video_id.as_str(),
        strategy = strategy.name(),
        "{} found {video_id}",
        strategy.name(),
    );
    let source = strategy.name().to_owned();
    Ok(Extraction { video_id, video, source, extracted_at: Timestamp::now() })
}

/// How much an error tells of the far side.
fn weight(error: &ExtractError) -> u8 {
    match error {
        ExtractError::StoodDown { .. } => 0,
        ExtractError::Unreadable(_) => 1,
        ExtractError::Connection(_) => 2,
        ExtractError::TimedOut(_) => 3,
        ExtractError::Status(_) => 4,
        ExtractError::Refused(_) | ExtractError::Throttled { .. } => 5,
    }
}

#[cfg(test)]
mod tests {
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

    fn throttled() -> ExtractError {
        ExtractError::Throttled { reason: "status_429", retry_after: Some(Duration::from_secs(7)) }
    }

    /// What two strategies with these answers give together: the source or the code, and how
    /// often the second was asked.
    async fn together(
        first: Result<&'static str, ExtractError>,
        second: Result<&'static str, ExtractError>,
    ) -> (String, usize) {
        let (first, second) = (fixed("first", first), fixed("second", second));
        let chain = Chain::new(vec![first, second.clone()]);
        let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
        let answer = match chain.extract(video_id, false).await {
            Ok(extraction) => {
                assert_eq!(extraction.video_id, video_id);
                extraction.source
            }
            Err(error) => error.code().to_owned(),
        };
        (answer, second.asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn the_first_answer_with_a_title_is_the_answer() {
        assert_eq!(together(Ok("title"), Ok("title")).await, ("first".to_owned(), 0));
        assert_eq!(together(Ok(" "), Ok("title")).await, ("second".to_owned(), 1));
        assert_eq!(together(Err(unreadable()), Ok("title")).await, ("second".to_owned(), 1));
        assert_eq!(
            together(Err(ExtractError::Status(500)), Ok("title")).await,
            ("second".to_owned(), 1)
        );
    }

    #[tokio::test]
    async fn a_refusal_and_throttling_end_the_search() {
        let private = ExtractError::Refused(Refusal::Private);
        assert_eq!(together(Err(private.clone()), Ok("title")).await, ("private".to_owned(), 0));
        assert_eq!(together(Err(throttled()), Ok("title")).await, ("throttled".to_owned(), 0));
        assert_eq!(together(Err(unreadable()), Err(private)).await, ("private".to_owned(), 1));
        assert_eq!(
            together(Err(ExtractError::Status(500)), Err(throttled())).await,
            ("throttled".to_owned(), 1)
        );
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
    async fn a_last_resort_is_for_what_nobody_can_read_and_not_for_trouble_of_the_moment() {
        for (before, asked) in [
            (unreadable(), 1),
            (ExtractError::Status(404), 1),
            (ExtractError::Status(503), 0),
            (ExtractError::Connection("reset".to_owned()), 0),
            (ExtractError::TimedOut(Duration::from_secs(1)), 0),
        ] {
            let last = fixed("last", Ok("title"));
            let chain = Chain::new(vec![fixed("first", Err(before.clone())), last.clone()]);
            assert_eq!(chain.extract(id(), false).await.is_ok(), asked == 1, "{before}");
            assert_eq!(last.asked.load(Ordering::Relaxed), asked, "{before}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_strategy_that_others_put_to_shame_is_stepped_over_and_probed() {
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
        let chain =
            Chain::new(vec![fixed("one", Err(unreadable())), fixed("two", Err(unreadable()))]);
        for _ in 0..20 {
            assert_eq!(chain.extract(id(), false).await.unwrap_err().code(), "unreadable");
        }
        assert!(chain.breakers().iter().all(|(_, state)| *state == BreakerState::Closed));
    }

    #[tokio::test]
    async fn with_every_way_closed_the_link_waits_at_no_cost() {
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
        let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
        let error = Chain::new(Vec::new()).extract(video_id, false).await.unwrap_err();
        assert_eq!(error.code(), "unreadable");
    }
}
