//! What must be there at the end of a run, link by link.

use std::collections::BTreeSet;

use linkrelay_fake_youtube::{Failure, chosen_by_rate};

use super::settings::{TRANSIENT_ATTEMPTS, rates};

/// The status that a link's document must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Stored, with the metadata.
    Stored,
    /// Failed, because there is no metadata.
    Failed,
}

/// A link and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExpectedLink {
    pub(super) link: String,
    /// The video that it names; `None` if it names none.
    pub(super) video_id: Option<String>,
    pub(super) outcome: Outcome,
}

/// A request that was answered 201.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AcknowledgedRequest {
    pub(super) id: String,
    /// Its links, by index.
    pub(super) links: Vec<ExpectedLink>,
}

/// A record that was published directly to the topic, as with the console producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordByHand {
    /// Its value; no other record has the same.
    pub(super) value: Vec<u8>,
    /// The links in it; none if it is malformed.
    pub(super) links: Vec<ExpectedLink>,
}

/// Everything that was promised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The topic's name, which is part of some ids.
    pub(super) topic: String,
    /// The requests that the producer acknowledged.
    pub(super) requests: Vec<AcknowledgedRequest>,
    /// The records by hand that the broker acknowledged.
    pub(super) by_hand: Vec<RecordByHand>,
    /// The links of requests that were never answered 201: they may be there or not.
    pub(super) unresolved_links: BTreeSet<String>,
}

/// How the fake YouTube will answer for each video; the same choice as its own.
#[derive(Debug, Clone)]
pub(super) struct Outcomes {
    seed: u64,
    rates: Vec<(Failure, f64)>,
}

impl Outcomes {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, rates: rates() }
    }

    /// The outcome of a link to this video.
    pub(super) fn link(&self, link: String, video_id: String) -> ExpectedLink {
        let outcome = match self.failure(&video_id) {
            Some(failure) if !failure.is_transient() => Outcome::Failed,
            _ => Outcome::Stored,
        };
        ExpectedLink { link, video_id: Some(video_id), outcome }
    }

    /// How many requests for this video fail before it recovers.
    pub(super) fn failing_requests(&self, video_id: &str) -> u64 {
        let is_transient = self.failure(video_id).is_some_and(Failure::is_transient);
        if is_transient { u64::from(TRANSIENT_ATTEMPTS) } else { 0 }
    }

    fn failure(&self, video_id: &str) -> Option<Failure> {
        chosen_by_rate(self.seed, &self.rates, video_id)
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_fake_youtube::pages::id_from_name;

    use super::*;

    #[test]
    fn a_few_percent_of_all_links_are_expected_to_fail() {
        let outcomes = Outcomes::new(5);
        let links: Vec<ExpectedLink> = (0..10_000)
            .map(|number| outcomes.link(String::new(), id_from_name(&number.to_string())))
            .collect();
        let failed: Vec<&ExpectedLink> =
            links.iter().filter(|link| link.outcome == Outcome::Failed).collect();
        assert!((200..400).contains(&failed.len()), "{}", failed.len());
        let retried = links.iter().filter_map(|link| link.video_id.as_deref());
        let retried = retried.filter(|id| outcomes.failing_requests(id) > 0).count();
        assert!((350..650).contains(&retried), "{retried}");
        let a_failed_one = failed[0].video_id.as_deref().unwrap();
        assert_eq!(outcomes.failing_requests(a_failed_one), 0, "it never recovers");
    }
}
