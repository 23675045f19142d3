//! The last points, of which the oldest goes when a new one comes.

use std::collections::VecDeque;

use jiff::Timestamp;

/// An hour.
const MAX_POINTS: usize = 360;

/// One point; `None` is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) accepted_per_second: Option<f64>,
    pub(crate) unavailable_per_second: Option<f64>,
    pub(crate) completed_per_second: Option<f64>,
    pub(crate) in_flight: Option<f64>,
    pub(crate) lag: Option<f64>,
    pub(crate) consumers: Option<f64>,
}

/// The points of the last hour.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    points: VecDeque<Point>,
    /// When the newest point was taken.
    as_of: Timestamp,
    /// The number of the next point, counted from the first one.
    next: u64,
}

impl Ring {
    /// Makes it without points. Its memory does not grow.
    pub(crate) fn new(as_of: Timestamp) -> Self {
        Self { points: VecDeque::with_capacity(MAX_POINTS), as_of, next: 0 }
    }

    /// Adds the point with this number. Those that were missed in between are not known.
    pub(super) fn put(&mut self, number: u64, as_of: Timestamp, point: Point) {
        let missed = number.saturating_sub(self.next);
        for _ in 0..missed.min(MAX_POINTS as u64) {
            self.push(Point::default());
        }
        self.push(point);
        self.next = number.saturating_add(1);
        self.as_of = as_of;
    }

    fn push(&mut self, point: Point) {
        if self.points.len() == MAX_POINTS {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// Returns the points, the oldest first.
    pub(crate) fn points(&self) -> Vec<Point> {
        self.points.iter().copied().collect()
    }

    /// Returns when the newest point was taken.
    pub(crate) fn as_of(&self) -> Timestamp {
        self.as_of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_an_hour_and_what_was_missed_is_not_known() {
        let mut ring = Ring::new(Timestamp::UNIX_EPOCH);
        let capacity = ring.points.capacity();
        let put = |ring: &mut Ring, number: u64| {
            let point = Point { lag: Some(number as f64), ..Point::default() };
            ring.put(number, Timestamp::UNIX_EPOCH, point);
        };
        let lags = |ring: &Ring| ring.points().iter().map(|point| point.lag).collect::<Vec<_>>();
        for number in [0, 1, 4] {
            put(&mut ring, number);
        }
        assert_eq!(lags(&ring), [Some(0.0), Some(1.0), None, None, Some(4.0)]);
        for number in 5..1_000 {
            put(&mut ring, number);
        }
        let lags_of_an_hour = lags(&ring);
        assert_eq!((lags_of_an_hour.len(), lags_of_an_hour[0]), (MAX_POINTS, Some(640.0)));
        put(&mut ring, u64::MAX);
        assert_eq!(lags(&ring).iter().flatten().count(), 1);
        assert_eq!(ring.points.capacity(), capacity);
    }
}
