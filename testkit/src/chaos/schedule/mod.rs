//! What goes wrong, when, and when it is mended: all of it follows from the seed.
//!
//! Pure: it knows no process and no clock. `draw` makes a schedule up; [`Schedule::steps`] is
//! what one target has to go through.

mod brokers;
mod draw;

use std::fmt;
use std::time::Duration;

pub use brokers::Brokers;
pub use draw::ScheduleLimits;

/// How many consumers there are at most; the schedule scales between 1 and this.
pub const CONSUMERS: usize = 3;

/// Something that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// linkrelay's HTTP side.
    Producer,
    /// One of the consumers, from 0.
    Consumer(usize),
    /// Kafka.
    Broker,
    /// The MongoDB-wire server.
    Store,
}

impl Target {
    /// Every target, once.
    pub const ALL: [Self; 3 + CONSUMERS] = [
        Self::Producer,
        Self::Consumer(0),
        Self::Consumer(1),
        Self::Consumer(2),
        Self::Broker,
        Self::Store,
    ];

    /// Its kind, without a number.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer(_) => "consumer",
            Self::Broker => "broker",
            Self::Store => "store",
        }
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

/// A part of a Kafka cluster, by what it is when its moment comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The node that leads the most partitions of the topic.
    Leader,
    /// The one that leads the fewest.
    Follower,
    /// The one that leads the controllers.
    Controller,
    /// The one that coordinates linkrelay's group.
    Coordinator,
    /// A leader and another: one copy is left, which is too few to acknowledge a write.
    TwoOfThree,
}

impl Part {
    /// Every part, once.
    pub const ALL: [Self; 5] =
        [Self::Leader, Self::Follower, Self::Controller, Self::Coordinator, Self::TwoOfThree];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Controller => "controller",
            Self::Coordinator => "coordinator",
            Self::TwoOfThree => "two of three brokers",
        }
    }
}

/// What goes wrong, or changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; started again at the fault's end.
    Kill(Target),
    /// SIGTERM, as a deployment does it; started again at the fault's end.
    Stop(Target),
    /// SIGSTOP; SIGCONT at the fault's end. For a consumer that is longer than its session: it
    /// wakes when others have its partitions.
    Freeze(Target),
    /// SIGKILL to a part of the cluster; started again at the fault's end.
    KillPart(Part),
    /// SIGSTOP to a part of the cluster; SIGCONT at the fault's end.
    FreezePart(Part),
    /// These consumers are started; nothing has to be mended.
    ScaleUp(Vec<usize>),
    /// These consumers are stopped for good (SIGTERM).
    ScaleDown(Vec<usize>),
    /// The topic has so many partitions from now on.
    AddPartitions(i32),
}

impl Fault {
    /// What it breaks, if it breaks something.
    pub fn target(&self) -> Option<Target> {
        match self {
            Self::Kill(target) | Self::Stop(target) | Self::Freeze(target) => Some(*target),
            Self::KillPart(_) | Self::FreezePart(_) => Some(Target::Broker),
            Self::ScaleUp(_) | Self::ScaleDown(_) | Self::AddPartitions(_) => None,
        }
    }

    /// The name under which it is counted.
    pub fn label(&self) -> String {
        match self {
            Self::Kill(target) => format!("kill {}", target.kind()),
            Self::Stop(target) => format!("stop {}", target.kind()),
            Self::Freeze(target) => format!("freeze {}", target.kind()),
            Self::KillPart(part) => format!("kill {}", part.label()),
            Self::FreezePart(part) => format!("freeze {}", part.label()),
            Self::ScaleUp(_) => "scale up".to_owned(),
            Self::ScaleDown(_) => "scale down".to_owned(),
            Self::AddPartitions(_) => "add partitions".to_owned(),
        }
    }
}

/// A fault with its times, from the beginning of the schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFault {
    /// When it happens.
    pub at: Duration,
    /// When it is mended; the same as `at` where nothing has to be.
    pub until: Duration,
    /// What it is.
    pub fault: Fault,
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, until) = (self.at.as_secs_f64(), self.until.as_secs_f64());
        match &self.fault {
            Fault::Kill(target) => write!(f, "{at:6.1} s  kill {target} until {until:.1} s"),
            Fault::Stop(target) => write!(f, "{at:6.1} s  stop {target} until {until:.1} s"),
            Fault::Freeze(target) => write!(f, "{at:6.1} s  freeze {target} until {until:.1} s"),
            Fault::KillPart(_) | Fault::FreezePart(_) => {
                write!(f, "{at:6.1} s  {} until {until:.1} s", self.fault.label())
            }
            Fault::ScaleUp(consumers) => write!(f, "{at:6.1} s  start consumers {consumers:?}"),
            Fault::ScaleDown(consumers) => write!(f, "{at:6.1} s  retire consumers {consumers:?}"),
            Fault::AddPartitions(count) => write!(f, "{at:6.1} s  grow to {count} partitions"),
        }
    }
}

/// What a target is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// SIGKILL.
    Kill,
    /// SIGKILL to a part of the cluster.
    KillPart(Part),
    /// SIGSTOP to a part of the cluster.
    FreezePart(Part),
    /// SIGTERM, and wait for its end.
    Terminate,
    /// Start it (again).
    Start,
    /// SIGSTOP.
    Freeze,
    /// SIGCONT.
    Thaw,
}

/// One step of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// From the beginning of the schedule.
    pub at: Duration,
    /// What to do.
    pub act: Act,
}

/// All faults of a run, by their time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// What it follows from.
    pub seed: u64,
    /// No fault begins or is mended later.
    pub span: Duration,
    /// The faults; consumer 0 alone runs at the beginning.
    pub faults: Vec<PlannedFault>,
}

impl Schedule {
    /// What this target goes through, in order.
    pub fn steps(&self, target: Target) -> Vec<Step> {
        let mut steps: Vec<Step> =
            self.faults.iter().flat_map(|planned| steps_of(planned, target)).collect();
        steps.sort_by_key(|step| step.at);
        steps
    }

    /// When something goes wrong, in order.
    pub fn moments(&self) -> Vec<Duration> {
        self.faults.iter().map(|planned| planned.at).collect()
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

fn steps_of(planned: &PlannedFault, target: Target) -> Vec<Step> {
    let concerns =
        |consumers: &[usize]| consumers.iter().any(|number| Target::Consumer(*number) == target);
    let acts = match &planned.fault {
        Fault::Kill(of) if *of == target => vec![Act::Kill, Act::Start],
        Fault::Stop(of) if *of == target => vec![Act::Terminate, Act::Start],
        Fault::Freeze(of) if *of == target => vec![Act::Freeze, Act::Thaw],
        Fault::KillPart(part) if target == Target::Broker => vec![Act::KillPart(*part), Act::Start],
        Fault::FreezePart(part) if target == Target::Broker => {
            vec![Act::FreezePart(*part), Act::Thaw]
        }
        Fault::ScaleUp(consumers) if concerns(consumers) => vec![Act::Start],
        Fault::ScaleDown(consumers) if concerns(consumers) => vec![Act::Terminate],
        _ => Vec::new(),
    };
    acts.into_iter().zip([planned.at, planned.until]).map(|(act, at)| Step { at, act }).collect()
}
