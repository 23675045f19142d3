//! The few numbers that sum up many measurements, and how they are written.

use std::time::Duration;

use serde::Serialize;

/// Returns the middle value; of an even number of values, the mean of the two in the middle; of
/// no values, `NAN`.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => f64::NAN,
        sorted if sorted.len() % 2 == 1 => sorted[middle],
        sorted => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How long things took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: usize,
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl Percentiles {
    /// Returns those of these durations; of no durations, `None`.
    pub(crate) fn of(durations: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut sorted_ms: Vec<f64> =
            durations.into_iter().map(|took| took.as_secs_f64() * 1e3).collect();
        sorted_ms.sort_by(f64::total_cmp);
        let max_ms = *sorted_ms.last()?;
        Some(Self {
            count: sorted_ms.len(),
            mean_ms: sorted_ms.iter().sum::<f64>() / sorted_ms.len() as f64,
            p50_ms: nearest_rank(&sorted_ms, 50),
            p95_ms: nearest_rank(&sorted_ms, 95),
            p99_ms: nearest_rank(&sorted_ms, 99),
            max_ms,
        })
    }
}

/// Returns the smallest value that at least `percent` percent of all do not exceed: always one that
/// was measured, never one between two.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// Returns the count with commas between thousands.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// Returns the figure with commas between thousands, and decimals only where they mean something.
pub(crate) fn figure(value: f64) -> String {
    if value >= 100.0 { grouped(value.round() as usize) } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_easy_to_read() {
        for (value, text) in [
            (f64::NAN, "NaN"),
            (0.987, "0.99"),
            (99.994, "99.99"),
            (100.0, "100"),
            (1_234.6, "1,235"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn one_slow_round_does_not_move_the_median() {
        assert_eq!(median(&[1.0, 1_000.0, 2.0]), median(&[1.0, 3.0, 2.0]));
    }

    #[test]
    fn percentiles_are_measured_values_of_the_nearest_rank() {
        let of = Percentiles::of((1..=200).map(Duration::from_millis)).unwrap();
        assert_eq!((of.p50_ms, of.p95_ms, of.p99_ms, of.max_ms), (100.0, 190.0, 198.0, 200.0));
        assert_eq!((of.count, of.mean_ms), (200, 100.5));
    }

    #[test]
    fn one_value_is_every_percentile_and_none_is_none() {
        let of = Percentiles::of([Duration::from_millis(5)]).unwrap();
        assert_eq!((of.p50_ms, of.p99_ms, of.max_ms), (5.0, 5.0, 5.0));
        assert_eq!(Percentiles::of([]), None);
    }
}
