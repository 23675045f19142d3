//! Tries one strategy after the other, and knows when to stop.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{ErrorClass, VideoId};

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
///
/// A cache, pacing or a breaker over all is an [`Extract`] around this one; a breaker for one
/// strategy is a [`Strategy`] around that one.
#[derive(Debug)]
pub struct Chain {
    strategies: Vec<Arc<dyn Strategy>>,
}

impl Chain {
    /// With no strategy at all, every answer is Unreadable.
    pub fn new(strategies: Vec<Arc<dyn Strategy>>) -> Self {
        Self { strategies }
    }
}

#[async_trait]
impl Extract for Chain {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Result<Extraction, ExtractError> {
        let mut most_telling: Option<ExtractError> = None;
        for strategy in &self.strategies {
            let error = match try_one(strategy.as_ref(), video_id).await {
                Ok(extraction) => return Ok(extraction),
                Err(error) => error,
            };
            let is_final = error.class() != ErrorClass::Transient;
            tracing::debug!(
                video_id = video_id.as_str(),
                strategy = strategy.name(),
                error.code = error.code(),
                is_final,
                "{} found no metadata of {video_id}: {error}",
                strategy.name(),
            );
            if is_final {
                return Err(error);
            }
            most_telling = Some(match most_telling {
                Some(before) if weight(&before) >= weight(&error) => before,
                _ => error,
            });
        }
        Err(most_telling
            .unwrap_or_else(|| ExtractError::Unreadable("there is no strategy".to_owned())))
    }
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
        ExtractError::Unreadable(_) => 0,
        ExtractError::Connection(_) => 1,
        ExtractError::TimedOut(_) => 2,
        ExtractError::Status(_) => 3,
        ExtractError::Refused(_) | ExtractError::Throttled { .. } => 4,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use linkrelay_common::video::{Author, Video};

    use super::*;
    use crate::error::Refusal;

    /// Always gives the same answer, and counts how often it was asked.
    #[derive(Debug)]
    struct Fixed {
        name: &'static str,
        answer: Result<&'static str, ExtractError>,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Strategy for Fixed {
        fn name(&self) -> &'static str {
            self.name
        }

        async fn extract(&self, _video_id: VideoId) -> Result<Video, ExtractError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.answer.clone().map(titled)
        }
    }

    fn titled(title: &str) -> Video {
        Video {
            title: title.to_owned(),
            description: None,
            author: Author::default(),
            length_seconds: None,
            view_count: None,
            like_count: None,
            publish_date: None,
            category: None,
            keywords: None,
            thumbnails: None,
            availability: None,
            is_live: None,
            is_upcoming: None,
            family_safe: None,
            chapters: None,
        }
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
        let strategy = |name, answer| Arc::new(Fixed { name, answer, asked: AtomicUsize::new(0) });
        let (first, second) = (strategy("first", first), strategy("second", second));
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
    async fn without_a_strategy_nothing_is_found() {
        let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
        let error = Chain::new(Vec::new()).extract(video_id, false).await.unwrap_err();
        assert_eq!(error.code(), "unreadable");
    }
}
