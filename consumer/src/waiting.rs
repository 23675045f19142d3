//! The state of what is retried until it succeeds: it works unless something is being retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use linkrelay_common::health::Part;

/// A part of readiness for writes that are retried by many tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RetriedWrites {
    part: Part,
    /// How many writes have failed and are retried.
    waiting_count: Arc<AtomicUsize>,
}

impl RetriedWrites {
    /// Makes it; `part` works until a write fails.
    pub(crate) fn new(part: Part) -> Self {
        part.ok();
        Self { part, waiting_count: Arc::default() }
    }

    /// Returns the part by which readiness reports the writes.
    pub(crate) fn part(&self) -> Part {
        self.part.clone()
    }

    /// Begins a write.
    pub(crate) fn begin(&self) -> RetriedWrite<'_> {
        RetriedWrite { writes: self, has_failed: false }
    }
}

/// One write. When it ends or is dropped and no other one has failed, the part works.
#[derive(Debug)]
pub(crate) struct RetriedWrite<'a> {
    writes: &'a RetriedWrites,
    has_failed: bool,
}

impl RetriedWrite<'_> {
    /// Reports that an attempt failed, and that another one follows.
    pub(crate) fn failed(&mut self, problem: String) {
        if !self.has_failed {
            self.has_failed = true;
            self.writes.waiting_count.fetch_add(1, Ordering::AcqRel);
        }
        self.writes.part.fails(problem);
    }
}

impl Drop for RetriedWrite<'_> {
    fn drop(&mut self) {
        if self.has_failed && self.writes.waiting_count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.writes.part.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::health::Health;

    use super::*;

    #[test]
    fn the_part_fails_until_the_last_write_that_failed_has_ended() {
        let health = Health::default();
        let writes = RetriedWrites::new(health.part("results"));
        let (mut first, mut second, third) = (writes.begin(), writes.begin(), writes.begin());
        first.failed("no room".to_owned());
        first.failed("no broker".to_owned());
        second.failed("no broker".to_owned());
        drop(third);
        drop(first);
        assert_eq!(writes.part().current_failure().as_deref(), Some("no broker"));
        drop(second);
        assert_eq!(writes.part().current_failure(), None);
    }
}
