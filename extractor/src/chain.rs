//! Asks one strategy after the other, and decides when to stop.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::VideoId;
use linkrelay_telemetry::spans;

use crate::breaker::{Admission, BreakerState, StrategyBreaker};
use crate::error::ExtractError;
use crate::extraction::Extraction;
use crate::strategies::is_nothing;
use crate::{Extract, Strategy};

/// Strategies in the order in which they are asked.
///
/// - The first answer that says something is the result, also if the video's title is blank.
/// - A clear refusal ends the search: a private video is private for every strategy.
/// - Throttling ends it as well, even of this video alone: YouTube asks for fewer requests, so no
///   other strategy asks it.
/// - After every other error, the next strategy is asked. If all fail, the result is the error
///   that shows most about YouTube: a status before a time-out before a broken connection before
///   an answer that was not understood; of equals the first, whose strategy is preferred.
/// - A last resort is asked only if no strategy before it failed for a temporary reason (a
///   time-out, a broken connection, 5xx, an unconfirmed refusal): then a later attempt may find the
///   complete metadata.
/// - A strategy that repeatedly fails where a later one succeeds is skipped for a while; see
///   [`crate::breaker`]. If no strategy is left to ask, the result is Throttled: the link waits,
///   and no attempt counts.
#[derive(Debug)]
pub(crate) struct Chain {
    entries: Vec<ChainEntry>,
}

#[derive(Debug)]
struct ChainEntry {
    strategy: Arc<dyn Strategy>,
    breaker: Arc<StrategyBreaker>,
}

/// The state of one search.
#[derive(Debug, Default)]
struct Search {
    most_telling: Option<ExtractError>,
    /// Admissions of strategies that failed: they count as failures only if another one succeeds.
    failed_so_far: Vec<Admission>,
    has_temporary_failure: bool,
}

impl Chain {
    /// Makes a chain; without any strategy, every answer is Unreadable.
    pub(crate) fn new(strategies: Vec<Arc<dyn Strategy>>) -> Self {
        let entry =
            |strategy| ChainEntry { strategy, breaker: Arc::new(StrategyBreaker::default()) };
        Self { entries: strategies.into_iter().map(entry).collect() }
    }

    /// Returns each strategy's name, with the state of its breaker.
    pub(crate) fn breakers(&self) -> Vec<(&'static str, BreakerState)> {
        self.entries.iter().map(|entry| (entry.strategy.name(), entry.breaker.state())).collect()
    }
}

#[async_trait]
impl Extract for Chain {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Result<Extraction, ExtractError> {
        let mut search = Search::default();
        for ChainEntry { strategy, breaker } in &self.entries {
            if strategy.is_last_resort() && search.has_temporary_failure {
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
            log_failure(strategy.name(), video_id, &error);
            match &error {
                ExtractError::Refused(_) => {
                    search.succeeded(admission);
                    return Err(error);
                }
                ExtractError::Throttled { .. } | ExtractError::ThrottledAlone { .. } => {
                    return Err(error);
                }
                _ => search.failed(admission, error),
            }
        }
        Err(search.end())
    }
}

impl Search {
    /// One strategy answered, so the ones before it should have answered as well.
    fn succeeded(&mut self, admission: Admission) {
        admission.succeeded();
        self.failed_so_far.drain(..).for_each(Admission::failed);
    }

    fn failed(&mut self, admission: Admission, error: ExtractError) {
        // A closed strategy made no request, so it did not fail.
        if !matches!(error, ExtractError::StoodDown { .. }) {
            self.failed_so_far.push(admission);
        }
        self.note(error);
    }

    fn note(&mut self, error: ExtractError) {
        self.has_temporary_failure |= is_temporary(&error);
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

/// Returns `before`; if both strategies are closed, with the time of the one that opens first.
fn sooner(before: ExtractError, error: &ExtractError) -> ExtractError {
    match (before, error) {
        (
            ExtractError::StoodDown { reason, reopens_in },
            ExtractError::StoodDown { reopens_in: other, .. },
        ) => ExtractError::StoodDown { reason, reopens_in: Duration::min(reopens_in, *other) },
        (before, _) => before,
    }
}

fn is_temporary(error: &ExtractError) -> bool {
    matches!(
        error,
        ExtractError::TimedOut(_)
            | ExtractError::Connection(_)
            | ExtractError::Proxy(_)
            | ExtractError::Unconfirmed { .. }
            | ExtractError::Status(500..)
    )
}

fn log_failure(strategy: &'static str, video_id: VideoId, error: &ExtractError) {
    tracing::debug!(
        video_id = video_id.as_str(),
        strategy,
        error.code = error.code(),
        "the strategy {strategy} found no metadata of the video {video_id}: {error}",
    );
}

async fn try_one(strategy: &dyn Strategy, video_id: VideoId) -> Result<Extraction, ExtractError> {
    let span = spans::strategy(strategy.name());
    let asked = span.around(ask(strategy, video_id)).await;
    if let Err(error) = &asked {
        span.failed(error.code(), error);
    }
    asked
}

async fn ask(strategy: &dyn Strategy, video_id: VideoId) -> Result<Extraction, ExtractError> {
    let video = strategy.extract(video_id).await?;
    if is_nothing(&video) {
        return Err(ExtractError::Unreadable("there is nothing about the video in it".to_owned()));
    }
    tracing::debug!(
        video_id = video_id.as_str(),
        strategy = strategy.name(),
        "the strategy {} found the metadata of the video {video_id}",
        strategy.name(),
    );
    let source = strategy.name().to_owned();
    Ok(Extraction { video_id, video, source, extracted_at: Timestamp::now() })
}

/// Returns how much an error shows about YouTube; the higher, the more.
fn weight(error: &ExtractError) -> u8 {
    match error {
        ExtractError::StoodDown { .. } => 0,
        ExtractError::Unreadable(_) => 1,
        ExtractError::Connection(_) | ExtractError::Proxy(_) => 2,
        ExtractError::TimedOut(_) => 3,
        ExtractError::Status(_) => 4,
        ExtractError::Unconfirmed { .. } => 5,
        ExtractError::Refused(_)
        | ExtractError::Throttled { .. }
        | ExtractError::ThrottledAlone { .. } => 6,
    }
}
