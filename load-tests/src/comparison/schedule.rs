//! When each request is to be sent. Decided before the first one, whatever the answers do.

use std::time::Duration;

use super::scenario::Phase;

/// The moments, from the beginning on, in order.
pub fn moments(phases: &[Phase]) -> Vec<Duration> {
    let mut begins = 0.0;
    let mut moments = Vec::new();
    for phase in phases {
        moments.extend(seconds_within(phase).map(|at| Duration::from_secs_f64(begins + at)));
        begins += f64::from(phase.duration);
    }
    moments
}

/// Request k is sent when k requests are due: with a rate that goes from a to b within T
/// seconds, that are `a t + (b - a) t² / 2T` after t seconds, solved here for t.
fn seconds_within(phase: &Phase) -> impl Iterator<Item = f64> {
    let first = f64::from(phase.arrival_rate);
    let last = phase.ramp_to.map_or(first, f64::from);
    let seconds = f64::from(phase.duration);
    let count = (f64::midpoint(first, last) * seconds).round();
    let slope = (last - first) / seconds;
    (0_u32..).map(f64::from).take_while(move |due| *due < count).map(move |due| {
        let root = (first * first + 2.0 * slope * due).max(0.0).sqrt();
        // The usual formula, by the form that does not divide by a slope of 0.
        if due == 0.0 { 0.0 } else { 2.0 * due / (first + root) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(duration: u32, arrival_rate: u32, ramp_to: Option<u32>) -> Phase {
        Phase { name: None, duration, arrival_rate, ramp_to }
    }

    /// How many moments lie in each second.
    fn per_second(moments: &[Duration]) -> Vec<usize> {
        let seconds = moments.last().map_or(0, |last| last.as_secs() + 1);
        let within = |second| moments.iter().filter(|at| at.as_secs() == second).count();
        (0..seconds).map(within).collect()
    }

    #[test]
    fn a_steady_rate_sends_at_equal_distances() {
        let moments = moments(&[phase(10, 50, None)]);
        assert_eq!(moments.len(), 500);
        for (number, at) in moments.iter().enumerate() {
            assert!((at.as_secs_f64() - number as f64 * 0.02).abs() < 1e-9, "{number}: {at:?}");
        }
    }

    #[test]
    fn a_ramp_sends_more_every_second_and_ends_at_its_last_rate() {
        let moments = moments(&[phase(10, 50, Some(500))]);
        assert_eq!(moments.len(), 2_750);
        let each_second = per_second(&moments);
        assert_eq!(each_second.len(), 10);
        assert!(each_second.is_sorted(), "{each_second:?}");
        let last_distance = moments[2_749] - moments[2_748];
        assert!((last_distance.as_secs_f64() - 1.0 / 500.0).abs() < 1e-5, "{last_distance:?}");
    }

    #[test]
    fn a_ramp_may_begin_at_nothing_or_go_down() {
        let up = moments(&[phase(10, 0, Some(10))]);
        let down = moments(&[phase(10, 10, Some(0))]);
        assert_eq!((up.len(), down.len()), (50, 50));
        assert!(up[1] > Duration::from_secs(1) && up.last() < Some(&Duration::from_secs(10)));
        assert!(down.is_sorted() && down.last() < Some(&Duration::from_secs(10)));
    }

    #[test]
    fn phases_follow_each_other() {
        let moments = moments(&[phase(2, 1, None), phase(1, 3, None)]);
        assert_eq!(per_second(&moments), [1, 1, 3]);
        assert!(moments.is_sorted());
    }
}
