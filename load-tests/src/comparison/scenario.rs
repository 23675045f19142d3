//! The loads to choose from: when requests are sent, and how many links each has.
//!
//! The moments of a load are decided before the first request, and do not depend on answers.

use std::time::Duration;

use serde::Serialize;

/// A load to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// The load that linkrelay is compared with: 500 requests in ten seconds, one link each
    Original,
    /// From the original load to ten times as much
    Ramp,
    /// A hundred links a request, as many links a second as at the end of the ramp
    Batches,
    /// Five links a request, as users paste them: every fifth link is not one to a video
    Mixed,
}

/// When requests are sent, and what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LoadPlan {
    pub(crate) phases: Vec<Phase>,
    pub(crate) links_per_request: usize,
    /// How many of a hundred links are not to a video.
    pub(crate) bad_percent: usize,
}

/// A time with a steady or a steadily changing rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Phase {
    pub(crate) seconds: u32,
    /// Requests a second at its beginning.
    pub(crate) first_rate: u32,
    /// Requests a second at its end.
    pub(crate) last_rate: u32,
}

impl Scenario {
    /// Returns what is sent, and when.
    pub(crate) fn plan(self) -> LoadPlan {
        let ramp = Phase { seconds: 30, first_rate: 50, last_rate: 500 };
        let (phases, links_per_request, bad_percent) = match self {
            Self::Original => (vec![Phase::steady(50, 10)], 1, 0),
            Self::Ramp => (vec![ramp, Phase::steady(500, 10)], 1, 0),
            Self::Batches => (vec![Phase::steady(5, 10)], 100, 0),
            Self::Mixed => (vec![Phase::steady(20, 10)], 5, 20),
        };
        LoadPlan { phases, links_per_request, bad_percent }
    }
}

impl LoadPlan {
    /// Returns the moment of each request, from the beginning of the load, in order.
    pub(crate) fn moments(&self) -> Vec<Duration> {
        let mut begins = 0.0;
        let mut moments = Vec::new();
        for phase in &self.phases {
            moments.extend(phase.moments().map(|at| Duration::from_secs_f64(begins + at)));
            begins += f64::from(phase.seconds);
        }
        moments
    }
}

impl Phase {
    /// Returns a phase with the same rate at all times.
    pub(crate) fn steady(per_second: u32, seconds: u32) -> Self {
        Self { seconds, first_rate: per_second, last_rate: per_second }
    }

    /// The moments in seconds. Request k is sent when k requests are due: with a rate that goes
    /// from a to b within T seconds, that are `a t + (b - a) t² / 2T` after t seconds, solved here
    /// for t.
    fn moments(self) -> impl Iterator<Item = f64> {
        let [first, last, seconds] = [self.first_rate, self.last_rate, self.seconds].map(f64::from);
        let count = (f64::midpoint(first, last) * seconds).round();
        let slope = (last - first) / seconds;
        (0_u32..).map(f64::from).take_while(move |due| *due < count).map(move |due| {
            let root = (first * first + 2.0 * slope * due).max(0.0).sqrt();
            // The usual formula, by the form that does not divide by a slope of 0.
            if due == 0.0 { 0.0 } else { 2.0 * due / (first + root) }
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn moments(phases: &[Phase]) -> Vec<Duration> {
        LoadPlan { phases: phases.to_vec(), ..Scenario::Original.plan() }.moments()
    }

    fn ramp(seconds: u32, first_rate: u32, last_rate: u32) -> Phase {
        Phase { seconds, first_rate, last_rate }
    }

    /// How many moments lie in each second.
    fn per_second(moments: &[Duration]) -> Vec<usize> {
        let seconds = moments.last().map_or(0, |last| last.as_secs() + 1);
        let within = |second| moments.iter().filter(|at| at.as_secs() == second).count();
        (0..seconds).map(within).collect()
    }

    #[test]
    fn every_scenario_sends_its_number_of_requests() {
        let counts = Scenario::value_variants().iter().map(|chosen| chosen.plan().moments().len());
        assert_eq!(counts.collect::<Vec<_>>(), [500, 13_250, 50, 200]);
    }

    #[test]
    fn the_original_is_fifty_a_second_for_ten_seconds_one_link_each() {
        let original =
            LoadPlan { phases: vec![Phase::steady(50, 10)], links_per_request: 1, bad_percent: 0 };
        assert_eq!(Scenario::Original.plan(), original);
    }

    #[test]
    fn a_steady_rate_sends_at_equal_distances() {
        let moments = moments(&[Phase::steady(50, 10)]);
        assert_eq!(moments.len(), 500);
        for (number, at) in moments.iter().enumerate() {
            assert!((at.as_secs_f64() - number as f64 * 0.02).abs() < 1e-9, "{number}: {at:?}");
        }
    }

    #[test]
    fn a_ramp_sends_more_every_second_and_ends_at_its_last_rate() {
        let moments = moments(&[ramp(10, 50, 500)]);
        assert_eq!(moments.len(), 2_750);
        let each_second = per_second(&moments);
        assert_eq!(each_second.len(), 10);
        assert!(each_second.is_sorted(), "{each_second:?}");
        let last_distance = moments[2_749] - moments[2_748];
        assert!((last_distance.as_secs_f64() - 1.0 / 500.0).abs() < 1e-5, "{last_distance:?}");
    }

    #[test]
    fn a_ramp_can_begin_at_nothing_or_go_down() {
        let up = moments(&[ramp(10, 0, 10)]);
        let down = moments(&[ramp(10, 10, 0)]);
        assert_eq!((up.len(), down.len()), (50, 50));
        assert!(up[1] > Duration::from_secs(1) && up.last() < Some(&Duration::from_secs(10)));
        assert!(down.is_sorted() && down.last() < Some(&Duration::from_secs(10)));
    }

    #[test]
    fn phases_follow_each_other() {
        let moments = moments(&[Phase::steady(1, 2), Phase::steady(3, 1)]);
        assert_eq!(per_second(&moments), [1, 1, 3]);
        assert!(moments.is_sorted());
    }
}
