//! Which faults happen in a run, when each begins and when it ends.
//!
//! Pure: it knows no process and no clock. `draw` makes a schedule from a seed.

mod draw;

use std::fmt;
use std::time::Duration;

use crate::kafka::Part;

/// The most consumers that run; the schedule scales between 1 and this.
pub(super) const CONSUMERS: usize = 3;

/// How many Kafka brokers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
pub enum Brokers {
    /// One, which is killed and frozen as a whole.
    #[default]
    #[value(name = "1")]
    #[serde(rename = "1")]
    One,
    /// A cluster with three copies, two of which acknowledge.
    #[value(name = "3")]
    #[serde(rename = "3")]
    Three,
}

impl Brokers {
    /// The shortest schedule that has one fault of each kind.
    pub fn min_span(self) -> Duration {
        match self {
            Self::One => Duration::from_secs(45),
            Self::Three => Duration::from_secs(180),
        }
    }
}

/// A server, or a part of the Kafka cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// linkrelay's producer.
    Producer,
    /// One of the consumers, from 0.
    Consumer(usize),
    /// Kafka, as a whole or in part.
    Kafka(Part),
    /// The MongoDB-wire server.
    Store,
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

/// What is done to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Kill it with SIGKILL.
    Kill,
    /// Stop it with SIGTERM, like a deployment, and wait for its end.
    Stop,
    /// Stop it with SIGSTOP. A consumer is frozen for longer than its session: when it continues,
    /// other consumers have its partitions.
    Freeze,
    /// Start it, or start it again.
    Start,
    /// Let it continue with SIGCONT.
    Thaw,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Freeze => "freeze",
            Self::Start => "start",
            Self::Thaw => "thaw",
        })
    }
}

/// A fault, or a change of what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A server is killed, stopped or frozen; at the fault's end it runs again.
    Break(Act, Target),
    /// These consumers are started.
    ScaleUp(Vec<usize>),
    /// These consumers are stopped and not started again.
    ScaleDown(Vec<usize>),
    /// The topic grows to this many partitions.
    AddPartitions(i32),
}

impl Fault {
    /// The name under which it is counted.
    pub fn label(&self) -> String {
        match self {
            Self::Break(act, target) => format!("{act} {}", target.kind()),
            Self::ScaleUp(_) => "scale up".to_owned(),
            Self::ScaleDown(_) => "scale down".to_owned(),
            Self::AddPartitions(_) => "add partitions".to_owned(),
        }
    }
}

/// A fault with its times, from the beginning of the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFault {
    /// When it begins.
    pub at: Duration,
    /// When a broken server runs again; the same as `at` for other faults.
    pub until: Duration,
    /// What happens.
    pub fault: Fault,
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, until) = (self.at.as_secs_f64(), self.until.as_secs_f64());
        match &self.fault {
            Fault::Break(act, target) => write!(f, "{at:6.1} s  {act} {target} until {until:.1} s"),
            Fault::ScaleUp(consumers) => write!(f, "{at:6.1} s  start consumers {consumers:?}"),
            Fault::ScaleDown(consumers) => write!(f, "{at:6.1} s  retire consumers {consumers:?}"),
            Fault::AddPartitions(count) => write!(f, "{at:6.1} s  grow to {count} partitions"),
        }
    }
}

/// One step of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When, from the beginning of the schedule.
    pub at: Duration,
    /// What is done.
    pub act: Act,
    /// The server, or the part of it.
    pub target: Target,
}

/// All faults of a run, by their time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How long it takes: every fault has ended by then.
    pub span: Duration,
    /// The faults; consumer 0 alone runs at the beginning.
    pub faults: Vec<PlannedFault>,
}

impl Schedule {
    /// The steps of one server, in order.
    pub fn steps(&self, server: Target) -> Vec<Step> {
        let includes = |consumers: &[usize]| {
            consumers.iter().any(|number| Target::Consumer(*number) == server)
        };
        let mut steps = Vec::new();
        for PlannedFault { at, until, fault } in &self.faults {
            let mut add = |at: &Duration, act, target| steps.push(Step { at: *at, act, target });
            match fault {
                Fault::Break(act, target) if target.server() == server => {
                    add(at, *act, *target);
                    add(until, if *act == Act::Freeze { Act::Thaw } else { Act::Start }, *target);
                }
                Fault::ScaleUp(consumers) if includes(consumers) => add(at, Act::Start, server),
                Fault::ScaleDown(consumers) if includes(consumers) => add(at, Act::Stop, server),
                _ => {}
            }
        }
        steps.sort_by_key(|step| step.at);
        steps
    }

    /// When the topic grows, and to how many partitions.
    pub fn growths(&self) -> Vec<(Duration, i32)> {
        let growth = |planned: &PlannedFault| match planned.fault {
            Fault::AddPartitions(count) => Some((planned.at, count)),
            _ => None,
        };
        self.faults.iter().filter_map(growth).collect()
    }
}
