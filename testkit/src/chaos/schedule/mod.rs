//! Which faults happen in a run, when each begins and when it ends.
//!
//! Pure: it knows no process and no clock. `draw` makes a schedule from a seed.

mod draw;

use std::fmt;
use std::time::Duration;

use crate::kafka::Part;

/// The most consumers that run; the schedule scales between 1 and this.
pub(super) const CONSUMERS: usize = 3;

/// What a fault is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Producer,
    /// One of the consumers, from 0.
    Consumer(usize),
    /// Kafka, as a whole or in part.
    Kafka(Part),
    Store,
    Topic,
}

impl Target {
    /// Its kind, without a number.
    fn kind(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer(_) => "consumer",
            Self::Kafka(Part::All) => "broker",
            Self::Kafka(Part::Leader) => "leader",
            Self::Kafka(Part::Follower) => "follower",
            Self::Kafka(Part::Controller) => "controller",
            Self::Kafka(Part::Coordinator) => "coordinator",
            Self::Kafka(Part::TwoOfThree) => "two of three brokers",
            Self::Store => "store",
            Self::Topic => "the topic",
        }
    }

    /// The server that it is, or is a part of: its faults never overlap.
    pub(super) fn server(self) -> Self {
        if let Self::Kafka(_) = self { Self::Kafka(Part::All) } else { self }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consumer(number) => write!(f, "consumer-{number}"),
            _ => f.write_str(self.kind()),
        }
    }
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// With SIGKILL.
    Kill,
    /// With SIGTERM, like a deployment, and wait for its end.
    Stop,
    /// With SIGSTOP. A consumer is frozen for longer than its session: when it continues, other
    /// consumers have its partitions.
    Freeze,
    Start,
    /// With SIGCONT.
    Thaw,
    /// To this many partitions.
    Grow(i32),
}

impl Act {
    /// What makes the target run again.
    fn undone(self) -> Self {
        if self == Self::Freeze { Self::Thaw } else { Self::Start }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill"),
            Self::Stop => f.write_str("stop"),
            Self::Freeze => f.write_str("freeze"),
            Self::Start => f.write_str("start"),
            Self::Thaw => f.write_str("thaw"),
            Self::Grow(count) => write!(f, "add partitions up to {count} in"),
        }
    }
}

/// A fault, or a change of what runs. All times count from the beginning of the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Duration,
    /// When the target runs again; `None` if it stays as it is: scaled or grown.
    pub(super) until: Option<Duration>,
    pub(super) act: Act,
    /// One target, or all consumers that are started or stopped together.
    pub(super) targets: Vec<Target>,
}

impl Fault {
    /// The name under which it is counted.
    pub(super) fn label(&self) -> String {
        match (self.act, self.until) {
            (Act::Start, _) => "scale up".to_owned(),
            (Act::Stop, None) => "scale down".to_owned(),
            (Act::Grow(_), _) => "add partitions".to_owned(),
            (act, _) => format!("{act} {}", self.targets[0].kind()),
        }
    }

    pub(super) fn is_active(&self, now: Duration) -> bool {
        self.at <= now && self.until.is_some_and(|until| now < until)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, until, act, targets } = self;
        write!(f, "{:6.1} s  ", at.as_secs_f64())?;
        match (act, until) {
            (Act::Grow(count), _) => write!(f, "grow to {count} partitions"),
            (act, Some(until)) => {
                write!(f, "{act} {} until {:.1} s", targets[0], until.as_secs_f64())
            }
            (act, None) => {
                let verb = if *act == Act::Start { "start" } else { "retire" };
                let number = |target: &Target| match target {
                    Target::Consumer(number) => Some(*number),
                    _ => None,
                };
                let numbers: Vec<usize> = targets.iter().filter_map(number).collect();
                write!(f, "{verb} consumers {numbers:?}")
            }
        }
    }
}

/// All faults of a run, by their time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Every fault has ended by then.
    pub(super) span: Duration,
    /// Consumer 0 alone runs at the beginning.
    pub(super) faults: Vec<Fault>,
}

impl Schedule {
    /// One without a fault.
    pub(super) fn calm(span: Duration) -> Self {
        Self { span, faults: Vec::new() }
    }

    /// What is done to one server or the topic, in order.
    pub(super) fn steps(&self, server: Target) -> Vec<(Duration, Act, Target)> {
        let mut steps = Vec::new();
        for Fault { at, until, act, targets } in &self.faults {
            for target in targets.iter().filter(|target| target.server() == server) {
                steps.push((*at, *act, *target));
                steps.extend(until.map(|until| (until, act.undone(), *target)));
            }
        }
        steps.sort_by_key(|(at, ..)| *at);
        steps
    }
}
