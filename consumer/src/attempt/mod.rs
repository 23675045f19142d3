//! How many attempts a lookup has, and what follows from each error: the only module that decides
//! what the class of an error means.
//!
//! Three kinds of lookups share it: a link from the topic, a list from the topic, and a link of the
//! waiting path. [`Attempts`] has what they share and where they differ; `permits` is what links
//! wait for before they ask YouTube, with the `breaker` that holds them all during an outage. It
//! must not know: records, document ids, dead letters, or HTTP.

mod breaker;
mod permits;
#[cfg(test)]
mod tests;

use std::time::Duration;

use linkrelay_common::ErrorClass;
use linkrelay_common::LinkFailure;
use linkrelay_common::metrics as names;
use linkrelay_extractor::ExtractError;
use linkrelay_telemetry::{Span, spans};
use metrics::counter;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use breaker::{OutageBreaker, OutagePolicy};
pub(crate) use permits::Permits;

use crate::document::link_error;
use crate::retry::{RetryPolicy, Waits};
use breaker::BreakerPass;
use permits::Permit;

/// The cool-down of the Data API after too many calls in a minute, and a little more. A list does
/// not wait for a longer one (a quota that is used up, a key that is refused): it is given up.
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(65);

/// The kind of a lookup, and what it waits for before each attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LookupKind<'a> {
    /// A link from the topic. It waits for a permit with all others: throttling cools the whole
    /// process down and costs no attempt, and while the breaker is open no link is given up. If a
    /// link alone is throttled, the extractor reports that as transient.
    Link(&'a Permits),
    /// A list from the topic. The Data API has its own limits, so neither the cool-down nor the
    /// breaker applies: throttling costs an attempt, and a short cool-down of the API does not.
    List(&'a Permits),
    /// A link of the waiting path. Throttling ends it: the client decides when to retry.
    Waiting(&'a Semaphore),
}

/// Why a lookup has no result.
#[derive(Debug)]
pub(crate) enum LookupFailure {
    /// There will never be one: the link is refused.
    Refused(LinkFailure),
    /// There may be one later: no attempt is left. `attempts` is the number of those that count.
    GivenUp { error: ExtractError, attempts: u32 },
}

/// An attempt that failed and is to be repeated.
#[derive(Debug)]
pub(crate) struct Again<'a> {
    pub(crate) error: &'a ExtractError,
    /// The number of attempts that count, so far.
    pub(crate) attempts: u32,
    /// The backoff; `None` if the lookup waits only for a permit.
    pub(crate) wait: Option<Duration>,
}

/// One lookup, repeated until it has a result or its error is final.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    kind: LookupKind<'a>,
    waits: Waits,
    /// The number of attempts that count, so far.
    made: u32,
    /// The span of the lookup, of which each attempt has one.
    span: &'a Span,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(kind: LookupKind<'a>, retry: &RetryPolicy, span: &'a Span) -> Self {
        Self { kind, waits: retry.waits(), made: 0, span }
    }

    /// Calls `ask` until it has a result or its error is final, and reports each attempt that is to
    /// be repeated to `again`. Returns `None` if `ask` did, or if `drain` was cancelled during a
    /// wait: the lookup then has no outcome.
    ///
    /// # Errors
    /// [`LookupFailure`] if there is no result.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(crate) async fn run<T, F>(
        mut self,
        drain: &CancellationToken,
        ask: impl Fn() -> F,
        again: impl Fn(Again<'_>),
    ) -> Option<Result<T, LookupFailure>>
    where
        F: Future<Output = Option<Result<T, ExtractError>>>,
    {
        let mut number = 0;
        loop {
            number += 1;
            let permit = drain.run_until_cancelled(self.kind.permit()).await?;
            let span = spans::attempt(self.span, number);
            let answer = span.around(ask()).await?;
            let pass = permit.end();
            let error = match answer {
                Ok(found) => {
                    self.kind.found(pass);
                    return Some(Ok(found));
                }
                Err(error) => error,
            };
            span.failed(error.code(), &error);
            drop(span);
            let wait = match self.decide(&error, pass) {
                Next::Again(wait) => wait,
                Next::Refused => {
                    let error = link_error(&error, self.made);
                    return Some(Err(LookupFailure::Refused(error)));
                }
                Next::GivenUp => {
                    return Some(Err(LookupFailure::GivenUp { error, attempts: self.made }));
                }
            };
            again(Again { error: &error, attempts: self.made, wait });
            if let Some(wait) = wait {
                drain.run_until_cancelled(tokio::time::sleep(wait)).await?;
            }
        }
    }

    /// Counts the attempt if its error counts, and reports it to the breaker by its pass.
    fn decide(&mut self, error: &ExtractError, pass: Option<BreakerPass<'_>>) -> Next {
        match error.class() {
            ErrorClass::Permanent | ErrorClass::Malformed => {
                self.made += 1;
                // A refusal is an answer.
                if let Some(pass) = pass {
                    pass.succeeded();
                }
                Next::Refused
            }
            ErrorClass::Throttled => self.throttled(error),
            ErrorClass::Transient => self.transient(error, pass),
        }
    }

    fn throttled(&mut self, error: &ExtractError) -> Next {
        match self.kind {
            LookupKind::Link(permits) => {
                if let ExtractError::Throttled { reason, retry_after } = error {
                    permits.throttled(reason, *retry_after);
                }
                Next::Again(None)
            }
            LookupKind::List(_) => {
                self.made += 1;
                self.again_if_one_is_left()
            }
            LookupKind::Waiting(_) => {
                self.made += 1;
                Next::GivenUp
            }
        }
    }

    fn transient(&mut self, error: &ExtractError, pass: Option<BreakerPass<'_>>) -> Next {
        let cool_down = match (self.kind, error) {
            (LookupKind::List(_), ExtractError::StoodDown { reopens_in, .. }) => Some(*reopens_in),
            _ => None,
        };
        if let Some(cool_down) = cool_down
            && cool_down <= LONGEST_COOL_DOWN
        {
            return Next::Again(Some(cool_down));
        }
        self.made += 1;
        if let Some(pass) = pass {
            pass.failed(self.made == 1, &error.to_string());
        }
        if cool_down.is_some() { Next::GivenUp } else { self.again_if_one_is_left() }
    }

    fn again_if_one_is_left(&mut self) -> Next {
        match (self.waits.next(), self.kind) {
            (Some(wait), _) => Next::Again(Some(wait)),
            // Not a failure of this link: it waits with the others, and is not given up.
            (None, LookupKind::Link(permits)) if permits.breaker_is_open() => {
                Next::Again(Some(Duration::ZERO))
            }
            (None, _) => Next::GivenUp,
        }
    }
}

/// What follows from an error.
enum Next {
    /// Another attempt, after this wait or as soon as there is a permit.
    Again(Option<Duration>),
    Refused,
    GivenUp,
}

impl<'a> LookupKind<'a> {
    /// Waits for what this kind of lookup needs before an attempt.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    async fn permit(self) -> Permit<'a> {
        match self {
            Self::Link(permits) => permits.next().await,
            Self::List(permits) => Permit::of(&permits.semaphore).await,
            Self::Waiting(permits) => Permit::of(permits).await,
        }
    }

    fn found(self, pass: Option<BreakerPass<'_>>) {
        if let Some(pass) = pass {
            pass.succeeded();
        }
        if let Self::Link(permits) = self {
            permits.found();
        }
    }
}

impl Again<'_> {
    /// Counts the attempt among the retries.
    pub(crate) fn count(&self) {
        let labels = [("class", self.error.class().as_str()), ("code", self.error.code())];
        counter!(names::RETRIES, &labels).increment(1);
    }
}
