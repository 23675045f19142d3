//! Which request fails, and how: by the video's id, by a count, or by a rate.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::failure::{ApiFailure, Failure};
use crate::pages::Draws;
use crate::settings::FakeYouTubeSettings;

/// Decides for each request for a video.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    transient_attempts: Option<u32>,
    throttle_every: Option<u32>,
    asked_total: AtomicU64,
    choices: Mutex<Choices>,
}

/// What a test may change at any time.
#[derive(Debug)]
struct Choices {
    by_id: HashMap<String, Failure>,
    rates: Vec<(Failure, f64)>,
    /// How the Data API refuses every call, if it does.
    api: Option<ApiFailure>,
    /// How often a transient failure was served, for videos that a rate chose.
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
                by_id: settings.failures.clone(),
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

    /// The fate of one more request. What was said of this very video goes first.
    pub(crate) fn choose(&self, video_id: &str) -> Option<Failure> {
        let asked_total = self.asked_total.fetch_add(1, Ordering::Relaxed) + 1;
        self.with(|choices| {
            let said = choices.by_id.get(video_id).copied();
            said.or_else(|| self.by_count(asked_total)).or_else(|| self.by_rate(choices, video_id))
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
        // Each change is whole in itself, so a panic elsewhere leaves nothing half done.
        act(&mut self.choices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The failure that rates choose for a video: its id and the seed alone decide.
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

    fn faults(change: impl FnOnce(&mut FakeYouTubeSettings)) -> Faults {
        let mut settings = FakeYouTubeSettings::default();
        change(&mut settings);
        Faults::new(&settings)
    }

    fn ids() -> impl Iterator<Item = String> {
        (0..2_000).map(|n| id_from_name(&n.to_string()))
    }

    #[test]
    fn rates_choose_their_part_of_all_videos_and_always_the_same() {
        let make = |seed| {
            faults(|settings| {
                settings.rates = vec![(Failure::Private, 0.1), (Failure::Hang, 0.2)];
                settings.seed = seed;
            })
        };
        let chosen = |faults: Faults| ids().map(|id| faults.choose(&id)).collect::<Vec<_>>();
        let first = chosen(make(1));
        let count = |failure| first.iter().filter(|chosen| **chosen == Some(failure)).count();
        assert!((150..250).contains(&count(Failure::Private)), "{}", count(Failure::Private));
        assert!((330..470).contains(&count(Failure::Hang)), "{}", count(Failure::Hang));
        assert_eq!(first, chosen(make(1)));
        assert_ne!(first, chosen(make(2)));
    }

    #[test]
    fn a_transient_failure_ends_after_its_attempts_and_a_lasting_one_does_not() {
        for (failure, third) in [(Failure::Reset, None), (Failure::Private, Some(Failure::Private))]
        {
            let faults = faults(|settings| {
                settings.rates = vec![(failure, 1.0)];
                settings.transient_attempts = Some(2);
            });
            let fates: Vec<_> = (0..3).map(|_| faults.choose("aaaaaaaaaaa")).collect();
            assert_eq!(fates, [Some(failure), Some(failure), third]);
            assert_eq!(faults.choose("bbbbbbbbbbb"), Some(failure), "each video counts for itself");
        }
    }

    #[test]
    fn throttling_comes_after_every_so_many_requests() {
        let faults = faults(|settings| settings.throttle_every = Some(2));
        let throttled: Vec<bool> = ids().take(6).map(|id| faults.choose(&id).is_some()).collect();
        assert_eq!(throttled, [false, false, true, false, false, true]);
    }

    #[test]
    fn what_is_said_of_a_video_goes_before_rates_until_it_is_taken_back() {
        let faults = faults(|settings| settings.rates = vec![(Failure::Hang, 1.0)]);
        faults.set("aaaaaaaaaaa", Some(Failure::Live));
        assert_eq!(faults.choose("aaaaaaaaaaa"), Some(Failure::Live));
        faults.set("aaaaaaaaaaa", None);
        assert_eq!(faults.choose("aaaaaaaaaaa"), Some(Failure::Hang));
        faults.set_rates(Vec::new());
        assert_eq!(faults.choose("aaaaaaaaaaa"), None);
    }
}
