//! Draws a schedule from a seed.
//!
//! The time is divided into rounds of about a minute (three with a cluster, whose nodes take longer
//! to come back). Every round has each kind of fault at least once, so a short run has them all.
//! Faults of different servers overlap freely; those of one server never do.

use std::collections::BTreeMap;
use std::time::Duration;

use linkrelay_fake_youtube::pages::Draws;

use super::{Act, CONSUMERS, Fault, Schedule, Target};
use crate::chaos::settings::{Brokers, PARTITIONS, SESSION_TIMEOUT};
use crate::kafka::Part;

/// At the end of a round nothing begins, so that its last faults have the time to end.
const TAIL: Duration = Duration::from_secs(9);
/// The time between two faults of one server: to come up, and to do some work.
const REST: Duration = Duration::from_millis(2_500);
/// The same for the nodes of a cluster, which also fetch what they have missed.
const CLUSTER_REST: Duration = Duration::from_secs(10);
/// No part of a cluster is down for longer.
const LONGEST_PART: Duration = Duration::from_secs(14);
const SHORTEST: Duration = Duration::from_millis(100);
const MAX_PARTITIONS: i32 = 24;
/// The parts of a cluster that are killed in each round.
const PARTS: [Part; 5] =
    [Part::Leader, Part::Follower, Part::Controller, Part::Coordinator, Part::TwoOfThree];

impl Schedule {
    /// The schedule of this seed over at least [`Brokers::min_span`]: the same on every machine
    /// and in every release (splitmix64).
    pub(in crate::chaos) fn draw(seed: u64, span: Duration, brokers: Brokers) -> Self {
        let mut drawing = Drawing {
            draws: Draws::new(seed, &["chaos", "schedule"]),
            span,
            brokers,
            free_at: BTreeMap::new(),
            running: vec![Target::Consumer(0)],
            partitions: PARTITIONS,
            faults: Vec::new(),
        };
        let round_seconds = if brokers == Brokers::Three { 180 } else { 60 };
        let rounds = (span.as_secs() / round_seconds).max(1);
        let round = span.div_f64(rounds as f64);
        for number in 0..rounds {
            drawing.round(round.mul_f64(number as f64), round);
        }
        let mut faults = drawing.faults;
        faults.sort_by_key(|fault| fault.at);
        Self { span, faults }
    }
}

/// A kind of fault, with the least and the most milliseconds that it takes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Break(Act, Target, [u64; 2]),
    BreakConsumer(Act, [u64; 2]),
    /// For longer than the session.
    FreezeConsumer,
    ScaleTo(usize),
    AddPartitions,
}

/// In every round, in any order between the scaling.
const EVERY_ROUND: [Kind; 10] = [
    Kind::Break(Act::Kill, Target::Producer, [500, 4_000]),
    Kind::Break(Act::Stop, Target::Producer, [300, 2_500]),
    Kind::Break(Act::Kill, Target::Kafka(Part::All), [500, 4_000]),
    Kind::Break(Act::Kill, Target::Store, [500, 4_000]),
    Kind::Break(Act::Freeze, Target::Store, [2_000, 8_000]),
    Kind::Break(Act::Freeze, Target::Kafka(Part::All), [2_000, 8_000]),
    Kind::BreakConsumer(Act::Kill, [100, 4_000]),
    Kind::BreakConsumer(Act::Kill, [100, 4_000]),
    Kind::BreakConsumer(Act::Stop, [100, 2_500]),
    Kind::AddPartitions,
];

/// A schedule that is being drawn.
struct Drawing {
    draws: Draws,
    span: Duration,
    brokers: Brokers,
    /// When the next fault of a server may begin.
    free_at: BTreeMap<Target, Duration>,
    /// The consumers that run while they have no fault.
    running: Vec<Target>,
    partitions: i32,
    faults: Vec<Fault>,
}

impl Drawing {
    fn round(&mut self, begin: Duration, length: Duration) {
        let kinds = self.kinds();
        let slot = (length - TAIL).div_f64(kinds.len() as f64);
        for (index, kind) in kinds.into_iter().enumerate() {
            let at = begin + slot.mul_f64(index as f64 + self.draws.fraction());
            self.add(kind, at);
        }
        if self.brokers == Brokers::Three {
            self.hit_parts(begin, length);
        }
    }

    /// Every part of the cluster once, in any order, each after a rest of all nodes.
    fn hit_parts(&mut self, begin: Duration, length: Duration) {
        let kill = |part| {
            // Two nodes are down for longer than the producer waits, so that it has to refuse.
            let length_ms = if part == Part::TwoOfThree { [9_000, 14_000] } else { [1_000, 6_000] };
            Kind::Break(Act::Kill, Target::Kafka(part), length_ms)
        };
        let mut kinds = PARTS.map(kill).to_vec();
        kinds.push(Kind::Break(Act::Freeze, Target::Kafka(Part::Leader), [2_000, 8_000]));
        self.shuffle(&mut kinds);
        let slot = (length - TAIL).div_f64(kinds.len() as f64);
        let spare = slot.saturating_sub(LONGEST_PART + CLUSTER_REST);
        for (index, kind) in kinds.into_iter().enumerate() {
            let at = begin + slot.mul_f64(index as f64) + spare.mul_f64(self.draws.fraction());
            self.add(kind, at);
        }
    }

    fn shuffle(&mut self, kinds: &mut [Kind]) {
        for last in (1..kinds.len()).rev() {
            let other = self.below(last + 1);
            kinds.swap(last, other);
        }
    }

    /// Scales to 1, then to 3, and to 2 in the second half; the other kinds come between.
    fn kinds(&mut self) -> Vec<Kind> {
        let mut between = EVERY_ROUND.to_vec();
        if self.brokers == Brokers::Three {
            // The parts of the cluster have their own times.
            between.retain(|kind| !matches!(kind, Kind::Break(_, Target::Kafka(_), _)));
        }
        self.shuffle(&mut between);
        let half = between.len() / 2;
        let in_second_half = half + self.below(between.len() - half + 1);
        between.insert(in_second_half, Kind::ScaleTo(2));
        // Early, because it takes long and must not end with the schedule.
        let in_first_half = self.below(half + 1);
        between.insert(in_first_half, Kind::FreezeConsumer);
        let mut kinds = if self.running.len() > 1 { vec![Kind::ScaleTo(1)] } else { Vec::new() };
        kinds.push(Kind::ScaleTo(CONSUMERS));
        kinds.extend(between);
        kinds
    }

    fn add(&mut self, kind: Kind, at: Duration) {
        match kind {
            Kind::Break(act, target, length_ms) => {
                let length = self.between(length_ms);
                self.hit(act, target, at, length);
            }
            Kind::BreakConsumer(act, length_ms) => {
                let (target, length) = (self.any_consumer(at), self.between(length_ms));
                self.hit(act, target, at, length);
            }
            Kind::FreezeConsumer => {
                let length = SESSION_TIMEOUT + self.between([1_500, 4_500]);
                let target = self.any_consumer(at);
                self.hit(Act::Freeze, target, at, length);
            }
            Kind::ScaleTo(count) => self.scale(count, at),
            Kind::AddPartitions => self.grow(at),
        }
    }

    fn hit(&mut self, act: Act, target: Target, wanted_at: Duration, length: Duration) {
        let server = target.server();
        let at = wanted_at.max(self.free_at(server));
        let until = (at + length).min(self.span);
        // Does not happen with the kinds and lengths above, as the tests show.
        if until < at + SHORTEST {
            return;
        }
        let is_cluster = self.brokers == Brokers::Three && server == Target::Kafka(Part::All);
        self.free_at.insert(server, until + if is_cluster { CLUSTER_REST } else { REST });
        self.faults.push(Fault { at, until: Some(until), act, targets: vec![target] });
    }

    fn scale(&mut self, count: usize, wanted_at: Duration) {
        let running = self.running.len();
        let (act, targets): (Act, Vec<Target>) = if count > running {
            let stopped =
                (0..CONSUMERS).map(Target::Consumer).filter(|one| !self.running.contains(one));
            (Act::Start, stopped.take(count - running).collect())
        } else {
            // Those that are free first, so that the order of events stays as it was drawn.
            (Act::Stop, self.running_by_time().into_iter().take(running - count).collect())
        };
        let free_at = targets.iter().map(|target| self.free_at(*target)).max();
        let Some(free_at) = free_at else { return };
        let at = wanted_at.max(free_at).min(self.span);
        self.free_at.extend(targets.iter().map(|target| (*target, at + REST)));
        self.running.retain(|target| !targets.contains(target));
        if act == Act::Start {
            self.running.extend(&targets);
        }
        self.faults.push(Fault { at, until: None, act, targets });
    }

    fn grow(&mut self, at: Duration) {
        let more = if self.partitions == PARTITIONS { PARTITIONS } else { 2 };
        if self.partitions + more <= MAX_PARTITIONS {
            self.partitions += more;
            let act = Act::Grow(self.partitions);
            self.faults.push(Fault { at, until: None, act, targets: vec![Target::Topic] });
        }
    }

    /// A consumer that runs and is free by then, otherwise the first that becomes free.
    fn any_consumer(&mut self, at: Duration) -> Target {
        let running = self.running_by_time();
        let free = running.iter().filter(|target| self.free_at(**target) <= at).count();
        running[self.below(free.max(1))]
    }

    /// The consumers that run, by the time when they are free.
    fn running_by_time(&self) -> Vec<Target> {
        let mut running = self.running.clone();
        running.sort_by_key(|target| (self.free_at(*target), *target));
        running
    }

    fn free_at(&self, server: Target) -> Duration {
        self.free_at.get(&server).copied().unwrap_or_default()
    }

    fn below(&mut self, bound: usize) -> usize {
        self.draws.below(bound as u64) as usize
    }

    fn between(&mut self, [least_ms, most_ms]: [u64; 2]) -> Duration {
        Duration::from_millis(least_ms + self.draws.below(most_ms - least_ms))
    }
}

#[cfg(test)]
mod tests;
