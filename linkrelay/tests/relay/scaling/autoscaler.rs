//! What KEDA and Kubernetes' autoscaler do with a ScaledObject, as Kubernetes documents it: the query
//! of its first trigger against a threshold of 1 (AverageValue), the limits, and the policies.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_norway::Value;

/// Kubernetes changes nothing while the ratio to the present number is within this.
const TOLERANCE: f64 = 0.1;

/// A policy of one direction, `type: Pods`.
struct Policy {
    value: usize,
    period: Duration,
}

pub(super) struct Autoscaler {
    pub(super) query: String,
    min: usize,
    pub(super) max: usize,
    up: Policy,
    down: Policy,
    /// The largest number that was wanted in this time holds a smaller one back.
    down_window: Duration,
    wanted: VecDeque<(Instant, usize)>,
    changes: Vec<(Instant, i64)>,
}

impl Autoscaler {
    /// Reads a ScaledObject, with all times that many times shorter.
    pub(super) fn new(yaml: &str, shorter: u32) -> Self {
        let object: Value = serde_norway::from_str(yaml).unwrap();
        let spec = &object["spec"];
        let behavior = &spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let seconds = |value: &Value| Duration::from_secs(value.as_u64().unwrap()) / shorter;
        let policy = |direction: &str| {
            let policies = behavior[direction]["policies"].as_sequence().unwrap();
            let [policy] = &policies[..] else { panic!("one policy: {policies:?}") };
            assert_eq!(policy["type"].as_str(), Some("Pods"));
            Policy { value: number(&policy["value"]), period: seconds(&policy["periodSeconds"]) }
        };
        assert_eq!(behavior["scaleUp"]["stabilizationWindowSeconds"].as_u64(), Some(0));
        let metadata = &spec["triggers"][0]["metadata"];
        assert_eq!(metadata["threshold"].as_str(), Some("1"));
        Self {
            query: metadata["query"].as_str().unwrap().to_owned(),
            min: number(&spec["minReplicaCount"]),
            max: number(&spec["maxReplicaCount"]),
            up: policy("scaleUp"),
            down: policy("scaleDown"),
            down_window: seconds(&behavior["scaleDown"]["stabilizationWindowSeconds"]),
            wanted: VecDeque::new(),
            changes: Vec::new(),
        }
    }

    /// Returns how many consumers there are to be at `now`, and notes the change. Without a value,
    /// nothing changes.
    pub(super) fn decide(&mut self, now: Instant, current: usize, value: Option<f64>) -> usize {
        let Some(value) = value else { return current };
        let wanted = self.wanted_by(value, current).clamp(self.min, self.max);
        self.wanted.push_back((now, wanted));
        while self.wanted.front().is_some_and(|(at, _)| now - *at > self.down_window) {
            self.wanted.pop_front();
        }
        let held_back = self.wanted.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted);
        let decided = if wanted > current {
            let room = self.up.value.saturating_sub(self.changed(now, self.up.period, 1));
            wanted.min(current + room)
        } else {
            let room = self.down.value.saturating_sub(self.changed(now, self.down.period, -1));
            held_back.min(current).max(current.saturating_sub(room))
        };
        if decided != current {
            let change = i64::try_from(decided).unwrap() - i64::try_from(current).unwrap();
            self.changes.push((now, change));
        }
        decided
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few consumers"
    )]
    fn wanted_by(&self, value: f64, current: usize) -> usize {
        if (value / current as f64 - 1.0).abs() <= TOLERANCE {
            return current;
        }
        value.ceil() as usize
    }

    /// Consumers that were added (`direction` 1) or removed (-1) within the last period.
    fn changed(&self, now: Instant, period: Duration, direction: i64) -> usize {
        let recent = self.changes.iter().filter(|(at, _)| now - *at < period);
        let changes = recent.map(|(_, change)| *change * direction).filter(|change| *change > 0);
        usize::try_from(changes.sum::<i64>()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scaling::SCALED_OBJECT;

    /// What is decided each 15 s for values of the query.
    fn decided(values: impl IntoIterator<Item = Option<f64>>) -> Vec<usize> {
        let mut autoscaler = Autoscaler::new(SCALED_OBJECT, 1);
        let (start, mut current) = (Instant::now(), 1);
        let decide = |(number, value)| {
            let now = start + Duration::from_secs(15) * number;
            current = autoscaler.decide(now, current, value);
            current
        };
        (0..).zip(values).map(decide).collect()
    }

    #[test]
    fn one_is_added_a_minute_up_to_the_partitions() {
        let decided = decided([Some(90.0); 26]);
        assert_eq!(decided[..9], [2, 2, 2, 2, 3, 3, 3, 3, 4]);
        assert_eq!(decided[16..], [6; 10]);
    }

    #[test]
    fn one_is_removed_a_minute_after_five() {
        let values = [Some(3.0); 9].into_iter().chain([Some(0.0); 60]);
        let decided = decided(values);
        let at = |replicas| decided.iter().rposition(|decided| *decided == replicas).unwrap();
        // Three were wanted for the last time at step 8; five minutes are 20 steps.
        assert_eq!((at(3), at(2)), (28, 32));
        assert_eq!(decided.last(), Some(&1));
    }

    #[test]
    fn nothing_changes_without_a_value_or_for_little() {
        let values = [Some(2.0), None, None, None, None, Some(2.1), Some(1.9)];
        assert_eq!(decided(values), [2; 7]);
    }
}
