//! Makes a schedule up from a seed.
//!
//! Time is cut into rounds of about a minute (of more with a cluster, whose nodes take their time
//! to come back), and every round has each kind of fault at least
//! once, so that a short run is a whole one. Faults of different targets overlap freely; those of
//! one target never do.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Brokers, CONSUMERS, Fault, Part, PlannedFault, Schedule, Target};
use linkrelay_fake_youtube::pages::Draws;

/// At the end of a round nothing begins, so that its last faults have the time to end.
const TAIL: Duration = Duration::from_secs(9);
/// Between two faults of one target: time to come up, and to do some work.
const REST: Duration = Duration::from_millis(2_500);
/// A part of a cluster is away no longer.
const LONGEST_PART: Duration = Duration::from_secs(14);
const SHORTEST: Duration = Duration::from_millis(100);
const MAX_PARTITIONS: i32 = 24;

/// What a schedule has to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleLimits {
    /// How long it may take; at least [`Brokers::min_span`].
    pub span: Duration,
    /// After so long the group takes a silent consumer's partitions away.
    pub session_timeout: Duration,
    /// How many partitions the topic has at the beginning.
    pub partitions: i32,
    /// What may happen to Kafka.
    pub brokers: Brokers,
}

impl Schedule {
    /// The schedule of this seed: the same on every machine and in every release (splitmix64).
    pub fn draw(seed: u64, limits: ScheduleLimits) -> Self {
        let mut drawing = Drawing {
            draws: Draws::new(seed, &["chaos", "schedule"]),
            limits,
            free_at: BTreeMap::new(),
            running: vec![0],
            partitions: limits.partitions,
            faults: Vec::new(),
        };
        let rounds = (limits.span.as_secs() / limits.brokers.round().as_secs()).max(1);
        let round = limits.span.div_f64(rounds as f64);
        for number in 0..rounds {
            drawing.round(round.mul_f64(number as f64), round);
        }
        let mut faults = drawing.faults;
        faults.sort_by_key(|planned| planned.at);
        Self { seed, span: limits.span, faults }
    }
}

/// A kind of fault, before it has a target and a time.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Kill(Target),
    Stop(Target),
    Freeze(Target),
    KillPart(Part),
    FreezePart(Part),
    KillConsumer,
    StopConsumer,
    FreezeConsumer,
    ScaleTo(usize),
    AddPartitions,
}

/// A schedule that is being drawn.
struct Drawing {
    draws: Draws,
    limits: ScheduleLimits,
    /// From when on a target may be hit (again).
    free_at: BTreeMap<Target, Duration>,
    /// Which consumers run, but for faults.
    running: Vec<usize>,
    partitions: i32,
    faults: Vec<PlannedFault>,
}

impl Drawing {
    fn round(&mut self, begin: Duration, length: Duration) {
        let kinds = self.kinds();
        let slot = (length - TAIL).div_f64(kinds.len() as f64);
        for (place, kind) in kinds.into_iter().enumerate() {
            let at = begin + slot.mul_f64(place as f64 + self.draws.fraction());
            self.add(kind, at);
        }
        if self.limits.brokers == Brokers::Three {
            self.hit_parts(begin, length);
        }
    }

    /// Every part of the cluster once, in any order, each when the one before has had its rest.
    fn hit_parts(&mut self, begin: Duration, length: Duration) {
        let mut kinds: Vec<Kind> = Part::ALL.map(Kind::KillPart).into();
        kinds.push(Kind::FreezePart(Part::Leader));
        self.shuffle(&mut kinds);
        let slot = (length - TAIL).div_f64(kinds.len() as f64);
        let spare = slot.saturating_sub(LONGEST_PART + self.limits.brokers.rest());
        for (place, kind) in kinds.into_iter().enumerate() {
            let at = begin + slot.mul_f64(place as f64) + spare.mul_f64(self.draws.fraction());
            self.add(kind, at);
        }
    }

    fn shuffle(&mut self, kinds: &mut [Kind]) {
        for last in (1..kinds.len()).rev() {
            let other = self.below(last + 1);
            kinds.swap(last, other);
        }
    }

    /// 1, then 3, and 2 in the second half, with all the rest between in any order.
    fn kinds(&mut self) -> Vec<Kind> {
        let mut between = vec![
            Kind::Kill(Target::Producer),
            Kind::Stop(Target::Producer),
            Kind::Kill(Target::Broker),
            Kind::Kill(Target::Store),
            Kind::Freeze(Target::Store),
            Kind::Freeze(Target::Broker),
            Kind::KillConsumer,
            Kind::KillConsumer,
            Kind::StopConsumer,
            Kind::AddPartitions,
        ];
        if self.limits.brokers == Brokers::Three {
            // Its parts have times of their own.
            between.retain(|kind| {
                !matches!(kind, Kind::Kill(Target::Broker) | Kind::Freeze(Target::Broker))
            });
        }
        self.shuffle(&mut between);
        let half = between.len() / 2;
        let in_second_half = half + self.below(between.len() - half + 1);
        between.insert(in_second_half, Kind::ScaleTo(2));
        // Early, because it takes long and must not be cut short.
        let in_first_half = self.below(half + 1);
        between.insert(in_first_half, Kind::FreezeConsumer);
        let mut kinds = if self.running.len() > 1 { vec![Kind::ScaleTo(1)] } else { Vec::new() };
        kinds.push(Kind::ScaleTo(CONSUMERS));
        kinds.extend(between);
        kinds
    }

    fn add(&mut self, kind: Kind, at: Duration) {
        match kind {
            Kind::Kill(target) => {
                let down = self.between(500, 4_000);
                self.hit(target, at, down, Fault::Kill(target));
            }
            Kind::KillPart(part) => {
                let down = self.down(part);
                self.hit(Target::Broker, at, down, Fault::KillPart(part));
            }
            Kind::FreezePart(part) => {
                let frozen = self.between(2_000, 8_000);
                self.hit(Target::Broker, at, frozen, Fault::FreezePart(part));
            }
            Kind::Stop(target) => {
                let down = self.between(300, 2_500);
                self.hit(target, at, down, Fault::Stop(target));
            }
            Kind::Freeze(target) => {
                let frozen = self.between(2_000, 8_000);
                self.hit(target, at, frozen, Fault::Freeze(target));
            }
            Kind::KillConsumer => {
                let (target, down) = (self.any_consumer(at), self.between(100, 4_000));
                self.hit(target, at, down, Fault::Kill(target));
            }
            Kind::StopConsumer => {
                let (target, down) = (self.any_consumer(at), self.between(100, 2_500));
                self.hit(target, at, down, Fault::Stop(target));
            }
            Kind::FreezeConsumer => {
                let frozen = self.limits.session_timeout + self.between(1_500, 4_500);
                let target = self.any_consumer(at);
                self.hit(target, at, frozen, Fault::Freeze(target));
            }
            Kind::ScaleTo(count) => self.scale(count, at),
            Kind::AddPartitions => self.grow(at),
        }
    }

    /// Two nodes are away for longer than the producer waits, so that it has to refuse.
    fn down(&mut self, part: Part) -> Duration {
        match part {
            Part::TwoOfThree => self.between(9_000, 14_000),
            _ => self.between(1_000, 6_000),
        }
    }

    fn hit(&mut self, target: Target, wanted_at: Duration, length: Duration, fault: Fault) {
        let at = wanted_at.max(self.free_at(target));
        let until = (at + length).min(self.limits.span);
        // Does not happen with the kinds and lengths above, as the tests show.
        if until < at + SHORTEST {
            return;
        }
        let rest = if target == Target::Broker { self.limits.brokers.rest() } else { REST };
        self.free_at.insert(target, until + rest);
        self.faults.push(PlannedFault { at, until, fault });
    }

    fn scale(&mut self, count: usize, wanted_at: Duration) {
        if count > self.running.len() {
            let mut stopped: Vec<usize> =
                (0..CONSUMERS).filter(|number| !self.running.contains(number)).collect();
            stopped.truncate(count - self.running.len());
            self.running.extend(&stopped);
            self.change_scale(stopped, wanted_at, Fault::ScaleUp);
        } else {
            // Those that are free first, so that the order of events stays as it was drawn.
            let mut retired = self.running.clone();
            retired.sort_by_key(|number| (self.free_at(Target::Consumer(*number)), *number));
            retired.truncate(self.running.len() - count);
            self.running.retain(|number| !retired.contains(number));
            self.change_scale(retired, wanted_at, Fault::ScaleDown);
        }
    }

    fn change_scale(
        &mut self,
        consumers: Vec<usize>,
        wanted_at: Duration,
        fault: fn(Vec<usize>) -> Fault,
    ) {
        let free_at = consumers.iter().map(|number| self.free_at(Target::Consumer(*number))).max();
        let Some(free_at) = free_at else { return };
        let at = wanted_at.max(free_at).min(self.limits.span);
        for number in &consumers {
            self.free_at.insert(Target::Consumer(*number), at + REST);
        }
        self.faults.push(PlannedFault { at, until: at, fault: fault(consumers) });
    }

    fn grow(&mut self, at: Duration) {
        let first_growth = self.partitions == self.limits.partitions;
        let more = if first_growth { self.partitions } else { 2 };
        if self.partitions + more <= MAX_PARTITIONS {
            self.partitions += more;
            let fault = Fault::AddPartitions(self.partitions);
            self.faults.push(PlannedFault { at, until: at, fault });
        }
    }

    /// A consumer that runs and is free by then; if there is none, the one that is free first.
    fn any_consumer(&mut self, at: Duration) -> Target {
        let mut running: Vec<Target> =
            self.running.iter().map(|number| Target::Consumer(*number)).collect();
        running.sort_by_key(|target| (self.free_at(*target), *target));
        let free = running.iter().filter(|target| self.free_at(**target) <= at).count();
        running[self.below(free.max(1))]
    }

    fn free_at(&self, target: Target) -> Duration {
        self.free_at.get(&target).copied().unwrap_or_default()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.draws.below(bound as u64) as usize
    }

    fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(least_ms + self.draws.below(most_ms - least_ms))
    }
}

#[cfg(test)]
mod tests;
