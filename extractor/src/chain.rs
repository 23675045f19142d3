//! Tries one strategy after the other, and knows when to stop.

#[cfg(test)]
mod tests;

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
        ExtractError::TimedOut(_)
            | ExtractError::Connection(_)
            | ExtractError::Proxy(_)
            | ExtractError::Status(500..)
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
        ExtractError::Connection(_) | ExtractError::Proxy(_) => 2,
        ExtractError::TimedOut(_) => 3,
        ExtractError::Status(_) => 4,
        ExtractError::Refused(_) | ExtractError::Throttled { .. } => 5,
    }
}
