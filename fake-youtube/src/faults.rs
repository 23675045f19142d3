//! Chooses how a request fails: by the video's id, by a count, or by a rate.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::CANARY_VIDEO;
use crate::failure::{ApiFailure, Failure};
use crate::pages::Draws;
use crate::settings::FakeYouTubeSettings;

#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    transient_attempts: Option<u32>,
    throttle_every: Option<u32>,
    asked_total: AtomicU64,
    choices: Mutex<Choices>,
}

/// What a test may change while the server runs.
#[derive(Debug)]
struct Choices {
    by_id: HashMap<String, Failure>,
    /// How every request fails, also one for the canary.
    all: Option<Failure>,
    rates: Vec<(Failure, f64)>,
    api: Option<ApiFailure>,
    /// How often a transient failure was served, by the id of a video that a rate chose.
    attempts: HashMap<String, u32>,
}

impl Faults {
    pub(crate) fn new(settings: &FakeYouTubeSettings) -> Self {
        Self {
            seed: settings.seed,
            transient_attempts: settings.transient_attempts,
            throttle_every: settings.throttle_every,
            asked_total: AtomicU64::new(0),
            choices: Mutex::new(Choices {
                by_id: HashMap::new(),
                all: None,
                rates: settings.rates.clone(),
                api: None,
                attempts: HashMap::new(),
            }),
        }
    }

    pub(crate) fn set(&self, video_id: &str, failure: Option<Failure>) {
        self.with(|choices| match failure {
            Some(failure) => choices.by_id.insert(video_id.to_owned(), failure),
            None => choices.by_id.remove(video_id),
        });
    }

    pub(crate) fn set_all(&self, failure: Option<Failure>) {
        self.with(|choices| choices.all = failure);
    }

    pub(crate) fn set_rates(&self, rates: Vec<(Failure, f64)>) {
        self.with(|choices| {
            choices.rates = rates;
            choices.attempts.clear();
        });
    }

    pub(crate) fn set_api(&self, failure: Option<ApiFailure>) {
        self.with(|choices| choices.api = failure);
    }

    pub(crate) fn api_failure(&self) -> Option<ApiFailure> {
        self.with(|choices| choices.api)
    }

    /// Returns how the next request for the canary fails, if it does: only as it was set.
    pub(crate) fn choose_for_canary(&self) -> Option<Failure> {
        self.with(|choices| choices.set_for(CANARY_VIDEO))
    }

    /// Returns how the next request for this video fails, if it does. A failure that was set for
    /// the video, or for all, comes first.
    pub(crate) fn choose(&self, video_id: &str) -> Option<Failure> {
        let asked_total = self.asked_total.fetch_add(1, Ordering::Relaxed) + 1;
        self.with(|choices| {
            let set = choices.set_for(video_id);
            set.or_else(|| self.by_count(asked_total)).or_else(|| self.by_rate(choices, video_id))
        })
    }

    /// Returns how every request for this video fails, if it does; nothing is counted.
    pub(crate) fn lasting(&self, video_id: &str) -> Option<Failure> {
        self.with(|choices| {
            let by_rate = chosen_by_rate(self.seed, &choices.rates, video_id);
            choices.set_for(video_id).or_else(|| by_rate.filter(|failure| !failure.is_transient()))
        })
    }

    fn by_count(&self, asked_total: u64) -> Option<Failure> {
        let period = u64::from(self.throttle_every?) + 1;
        asked_total.is_multiple_of(period).then_some(Failure::Throttled { retry_after: None })
    }

    fn by_rate(&self, choices: &mut Choices, video_id: &str) -> Option<Failure> {
        let failure = chosen_by_rate(self.seed, &choices.rates, video_id)?;
        if let Some(limit) = self.transient_attempts.filter(|_| failure.is_transient()) {
            let attempts = choices.attempts.entry(video_id.to_owned()).or_insert(0);
            if *attempts >= limit {
                return None;
            }
            *attempts += 1;
        }
        Some(failure)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Choices) -> T) -> T {
        // Each change is complete, so a panic elsewhere leaves nothing half done.
        act(&mut self.choices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Choices {
    fn set_for(&self, video_id: &str) -> Option<Failure> {
        self.by_id.get(video_id).copied().or(self.all)
    }
}

/// Returns the failure that the rates choose for a video; only the seed and its id decide.
pub fn chosen_by_rate(seed: u64, rates: &[(Failure, f64)], video_id: &str) -> Option<Failure> {
    let draw = Draws::new(seed, &["rate", video_id]).fraction();
    let mut reached = 0.0;
    let chosen = rates.iter().find(|(_, rate)| {
        reached += rate;
        draw < reached
    });
    chosen.map(|(failure, _)| *failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::id_from_name;

    fn ids() -> impl Iterator<Item = String> {
        (0..2_000).map(|n| id_from_name(&n.to_string()))
    }

    #[test]
    fn rates_choose_their_share_of_all_videos_and_always_the_same() {
        let rates = [(Failure::Private, 0.1), (Failure::Hang, 0.2)];
        let chosen = |seed| ids().map(|id| chosen_by_rate(seed, &rates, &id)).collect::<Vec<_>>();
        let first = chosen(1);
        let count = |failure| first.iter().filter(|chosen| **chosen == Some(failure)).count();
        assert!((150..250).contains(&count(Failure::Private)), "{}", count(Failure::Private));
        assert!((330..470).contains(&count(Failure::Hang)), "{}", count(Failure::Hang));
        assert_eq!(first, chosen(1));
        assert_ne!(first, chosen(2));
    }

    #[test]
    fn a_transient_failure_ends_after_its_attempts_and_a_permanent_one_does_not() {
        for (failure, third) in [(Failure::Reset, None), (Failure::Private, Some(Failure::Private))]
        {
            let faults = Faults::new(&FakeYouTubeSettings {
                rates: vec![(failure, 1.0)],
                transient_attempts: Some(2),
                ..FakeYouTubeSettings::default()
            });
            let failures: Vec<_> = (0..3).map(|_| faults.choose("aaaaaaaaaaa")).collect();
            assert_eq!(failures, [Some(failure), Some(failure), third]);
            assert_eq!(faults.choose("bbbbbbbbbbb"), Some(failure), "each video has its own count");
        }
    }

    #[test]
    fn one_request_is_throttled_after_every_two() {
        let settings = FakeYouTubeSettings { throttle_every: Some(2), ..Default::default() };
        let faults = Faults::new(&settings);
        let throttled: Vec<bool> = ids().take(6).map(|id| faults.choose(&id).is_some()).collect();
        assert_eq!(throttled, [false, false, true, false, false, true]);
    }

    #[test]
    fn the_canary_fails_only_as_it_is_told_to() {
        let faults = Faults::new(&FakeYouTubeSettings {
            rates: vec![(Failure::Deleted, 1.0)],
            throttle_every: Some(0),
            ..FakeYouTubeSettings::default()
        });
        assert_eq!(faults.choose_for_canary(), None);
        faults.set_all(Some(Failure::Private));
        assert_eq!(faults.choose_for_canary(), Some(Failure::Private));
        assert_eq!(faults.choose("aaaaaaaaaaa"), Some(Failure::Private));
        faults.set(CANARY_VIDEO, Some(Failure::Hang));
        faults.set_all(None);
        assert_eq!(faults.choose_for_canary(), Some(Failure::Hang));
    }

    #[test]
    fn a_failure_set_for_a_video_comes_before_rates_until_it_is_removed() {
        let faults = Faults::new(&FakeYouTubeSettings::default());
        faults.set_rates(vec![(Failure::Hang, 1.0)]);
        faults.set("aaaaaaaaaaa", Some(Failure::Live));
        assert_eq!(faults.choose("aaaaaaaaaaa"), Some(Failure::Live));
        faults.set("aaaaaaaaaaa", None);
        assert_eq!(faults.choose("aaaaaaaaaaa"), Some(Failure::Hang));
        faults.set_rates(Vec::new());
        assert_eq!(faults.choose("aaaaaaaaaaa"), None);
    }
}
