//! The outcome of each request of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::Answer;
use crate::load::open_loop::NoAnswer;
use crate::stats::Percentiles;

/// How long a client waits for its answer, as in the original measurement.
pub(crate) const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) links: Vec<String>,
    /// From the moment at which it was to be sent until its end.
    pub(crate) took: Duration,
    /// The answer, or the error without one: then documents may exist that the client does not know.
    pub(crate) answer: Result<Answer, NoAnswer>,
}

/// A load that was sent.
#[derive(Debug)]
pub(crate) struct SentLoad {
    /// When the first request was to be sent.
    pub(crate) begun_at: Timestamp,
    pub(crate) requests: Vec<Request>,
    pub(crate) latest: Duration,
}

impl Request {
    fn is_created(&self) -> bool {
        self.answer.as_ref().is_ok_and(Answer::is_created)
    }

    fn is_timed_out(&self) -> bool {
        self.answer == Err(NoAnswer::TimedOut)
    }
}

impl SentLoad {
    /// Returns how many answers had which status.
    pub(crate) fn answers(&self) -> BTreeMap<u16, usize> {
        counted(
            self.requests.iter().filter_map(|request| Some(request.answer.as_ref().ok()?.status)),
        )
    }

    /// Returns how many clients timed out.
    pub(crate) fn timed_out(&self) -> usize {
        self.requests.iter().filter(|request| request.is_timed_out()).count()
    }

    /// Returns how many connections failed for which reason.
    pub(crate) fn errors(&self) -> BTreeMap<String, usize> {
        counted(self.requests.iter().filter_map(|request| match &request.answer {
            Err(NoAnswer::Broken(error)) => Some(error.clone()),
            Ok(_) | Err(NoAnswer::TimedOut) => None,
        }))
    }

    /// Returns how long clients waited: those answered 201 or 207, and those that timed out, with
    /// the time that they waited. A quick refusal improves nothing here.
    pub(crate) fn response_times(&self) -> Option<Percentiles> {
        let counts = |request: &&Request| request.is_created() || request.is_timed_out();
        Percentiles::of(self.requests.iter().filter(counts).map(|request| request.took))
    }
}

/// Returns how often each value occurs.
pub(super) fn counted<T: Ord>(values: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(took_ms: u64, answer: Result<Answer, NoAnswer>) -> Request {
        Request { links: Vec::new(), took: Duration::from_millis(took_ms), answer }
    }

    fn sent(requests: Vec<Request>) -> SentLoad {
        SentLoad { begun_at: Timestamp::now(), requests, latest: Duration::ZERO }
    }

    fn answered(status: u16) -> Result<Answer, NoAnswer> {
        Ok(Answer { status, ..Answer::default() })
    }

    #[test]
    fn a_load_is_counted_by_the_outcome_of_its_requests() {
        let requests = vec![
            request(20, answered(201)),
            request(30, answered(207)),
            request(1, answered(503)),
            request(10_000, Err(NoAnswer::TimedOut)),
            request(2, Err(NoAnswer::Broken("reset".to_owned()))),
        ];
        let load = sent(requests);
        assert_eq!(load.answers(), BTreeMap::from([(201, 1), (207, 1), (503, 1)]));
        assert_eq!(load.timed_out(), 1);
        assert_eq!(load.errors(), BTreeMap::from([("reset".to_owned(), 1)]));
    }

    #[test]
    fn clients_that_timed_out_count_and_refused_ones_do_not() {
        let requests = vec![
            request(20, answered(201)),
            request(1, answered(503)),
            request(10_000, Err(NoAnswer::TimedOut)),
        ];
        let times = sent(requests).response_times().unwrap();
        assert_eq!((times.count, times.p50_ms, times.max_ms), (2, 20.0, 10_000.0));
    }
}
