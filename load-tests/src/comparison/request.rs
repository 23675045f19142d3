//! What became of each request of a load; the same from both generators.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::answer::Answer;
use crate::stats::Percentiles;

/// How long a client waits for its answer, as in the original measurement.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What was submitted.
    pub links: Vec<String>,
    /// From the moment at which it was to be sent.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered(Answer),
    /// Its client gave up.
    TimedOut,
    /// The connection failed.
    Broken(String),
}

/// A load that was sent.
#[derive(Debug)]
pub struct SentLoad {
    /// When the first request was to be sent.
    pub begun_at: Timestamp,
    /// All of them.
    pub requests: Vec<Request>,
    /// How late the latest one was sent, if the generator can tell: a generator that lags behind
    /// its own schedule measures itself, too.
    pub latest: Option<Duration>,
}

/// How far a load is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    answered: AtomicUsize,
    created: AtomicUsize,
    unanswered: AtomicUsize,
}

impl Outcome {
    /// Whether documents may exist of which the client has not heard.
    pub fn is_unanswered(&self) -> bool {
        !matches!(self, Self::Answered(_))
    }

    fn is_taken(&self) -> bool {
        matches!(self, Self::Answered(Answer { status: 201 | 207, .. }))
    }
}

impl SentLoad {
    /// How many answers had which status.
    pub fn answers(&self) -> BTreeMap<u16, usize> {
        let mut answers = BTreeMap::new();
        for request in &self.requests {
            if let Outcome::Answered(answer) = &request.outcome {
                *answers.entry(answer.status).or_default() += 1;
            }
        }
        answers
    }

    /// How many clients gave up.
    pub fn timed_out(&self) -> usize {
        self.requests.iter().filter(|request| request.outcome == Outcome::TimedOut).count()
    }

    /// How many connections failed, and why.
    pub fn errors(&self) -> BTreeMap<String, usize> {
        let mut errors = BTreeMap::new();
        for request in &self.requests {
            if let Outcome::Broken(error) = &request.outcome {
                *errors.entry(error.clone()).or_default() += 1;
            }
        }
        errors
    }

    /// How long clients waited: those that were answered 201 or 207, and those that gave up,
    /// with the time that they waited in vain. A quick refusal makes nothing better here.
    pub fn response_times(&self) -> Option<Percentiles> {
        let counts =
            |request: &&Request| request.outcome.is_taken() || request.outcome == Outcome::TimedOut;
        Percentiles::of(self.requests.iter().filter(counts).map(|request| request.took))
    }
}

impl Progress {
    /// Counts a request that ended.
    pub fn note(&self, outcome: &Outcome) {
        let counter = if outcome.is_unanswered() { &self.unanswered } else { &self.answered };
        counter.fetch_add(1, Ordering::Relaxed);
        if outcome.is_taken() {
            self.created.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Answered, of these 201 or 207, and unanswered so far.
    pub fn counts(&self) -> [usize; 3] {
        [&self.answered, &self.created, &self.unanswered].map(|count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(took_ms: u64, outcome: Outcome) -> Request {
        Request { links: Vec::new(), took: Duration::from_millis(took_ms), outcome }
    }

    fn sent(requests: Vec<Request>) -> SentLoad {
        SentLoad { begun_at: Timestamp::now(), requests, latest: None }
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Answered(Answer { status, ..Answer::default() })
    }

    #[test]
    fn a_load_is_counted_by_what_became_of_its_requests() {
        let requests = vec![
            request(20, answered(201)),
            request(30, answered(207)),
            request(1, answered(503)),
            request(10_000, Outcome::TimedOut),
            request(2, Outcome::Broken("reset".to_owned())),
        ];
        let progress = Progress::default();
        requests.iter().for_each(|request| progress.note(&request.outcome));
        assert_eq!(progress.counts(), [3, 2, 2]);
        let load = sent(requests);
        assert_eq!(load.answers(), BTreeMap::from([(201, 1), (207, 1), (503, 1)]));
        assert_eq!(load.timed_out(), 1);
        assert_eq!(load.errors(), BTreeMap::from([("reset".to_owned(), 1)]));
    }

    #[test]
    fn those_who_waited_in_vain_count_and_the_refused_do_not() {
        let requests = vec![
            request(20, answered(201)),
            request(1, answered(503)),
            request(10_000, Outcome::TimedOut),
        ];
        let times = sent(requests).response_times().unwrap();
        assert_eq!((times.count, times.p50_ms, times.max_ms), (2, 20.0, 10_000.0));
    }
}
