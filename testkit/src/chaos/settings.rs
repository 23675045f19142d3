//! How a run is done, and how linkrelay's processes are set for it.

use std::path::PathBuf;
use std::time::Duration;

use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};

/// The time after which the group takes a silent member's partitions away.
pub(super) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// The topic's partitions at the beginning.
pub(super) const PARTITIONS: i32 = 3;
/// The requests after which a transient failure ends: well below MAX_ATTEMPTS, because the requests
/// of a consumer that was frozen have timed out in the meantime.
pub(super) const TRANSIENT_ATTEMPTS: u32 = 2;
/// What is logged: every retry and every late completion, but not every link.
const LOG_FILTER: &str =
    "info,linkrelay_consumer=debug,librdkafka=info,rdkafka=warn,mongodb=warn,hyper=warn,h2=warn";

/// How the group shares its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The clients decide, cooperatively.
    #[default]
    Classic,
    /// The broker decides (KIP-848).
    Consumer,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }

    /// Its settings of a consumer.
    pub(super) fn env(self) -> Vec<(&'static str, String)> {
        // With the new protocol the broker decides, whose session is as short.
        let config = if self == Self::Classic {
            let session_ms = SESSION_TIMEOUT.as_millis();
            format!("session.timeout.ms={session_ms},heartbeat.interval.ms=1500")
        } else {
            String::new()
        };
        vec![("KAFKA_GROUP_PROTOCOL", self.name().to_owned()), ("KAFKA_CONFIG", config)]
    }
}

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
    pub(super) fn min_span(self) -> Duration {
        Duration::from_secs(if self == Self::Three { 180 } else { 45 })
    }
}

/// Another release of linkrelay that replaces the running one, process by process, instead of
/// faults.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// The folder of the programs that run first.
    pub before: PathBuf,
    /// The folder of those that replace them.
    pub after: PathBuf,
    /// How the new processes share the partitions.
    pub protocol: Protocol,
}

/// The options of a run.
#[derive(Debug, Clone, clap::Args)]
pub struct ChaosSettings {
    /// How many links are posted
    #[arg(long, default_value_t = 5_000)]
    pub links: usize,
    /// Decides about links, failures and faults; without it, the program draws one and prints it
    #[arg(long, default_value_t = rand::random::<u64>(), hide_default_value = true)]
    pub seed: u64,
    /// How many minutes faults go on; the links are spread over them
    #[arg(long = "minutes", value_name = "MINUTES", default_value = "1.25", value_parser = minutes)]
    pub span: Duration,
    /// How the group shares its partitions
    #[arg(long = "group-protocol", value_enum, default_value_t)]
    pub protocol: Protocol,
    /// Gives consumers fixed names in the group (static membership)
    #[arg(long = "static-members")]
    pub has_static_members: bool,
    /// One Kafka broker, or three with three copies of everything, which fail in parts; a
    /// schedule takes at least 45 s with one, and 180 s with three
    #[arg(long, value_enum, default_value_t)]
    pub brokers: Brokers,
    /// Fails if more than PERCENT of the links are extracted more often than they need
    #[arg(long = "max-repeats", value_name = "PERCENT")]
    pub max_repeats_percent: Option<f64>,
    /// For the upgrade test alone, which has a program of its own
    #[arg(skip)]
    pub replacement: Option<Replacement>,
}

fn minutes(text: &str) -> anyhow::Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse::<f64>()? * 60.0)?)
}

impl ChaosSettings {
    /// The fake YouTube: slow, with a few percent of each failure.
    pub(super) fn youtube(&self) -> FakeYouTubeSettings {
        FakeYouTubeSettings {
            latency: Duration::from_millis(20),
            latency_jitter: Duration::from_millis(180),
            rates: RATES.to_vec(),
            seed: self.seed,
            transient_attempts: Some(TRANSIENT_ATTEMPTS),
            ..FakeYouTubeSettings::default()
        }
    }

    /// The settings of one consumer as a member of the group.
    pub(super) fn member_env(&self, number: usize) -> Vec<(&'static str, String)> {
        let mut env = self.protocol.env();
        if self.has_static_members {
            env.push(("KAFKA_GROUP_INSTANCE_ID", format!("consumer-{number}")));
        }
        env
    }
}

/// The settings of every consumer: short waits, so that much happens in little time.
pub(super) const CONSUMER_ENV: [(&str, &str); 9] = [
    ("RUST_LOG", LOG_FILTER),
    // One request an attempt, so that the fake's count shows how often a link was tried.
    ("EXTRACTORS", "watch_page"),
    ("EXTRACTOR_TIMEOUT", "2s"),
    ("EXTRACTOR_CONNECT_TIMEOUT", "2s"),
    // So few that a burst makes a queue, which a fault then hits.
    ("MAX_IN_FLIGHT", "32"),
    ("MAX_ATTEMPTS", "10"),
    ("RETRY_BACKOFF_MIN", "50ms"),
    ("RETRY_BACKOFF_MAX", "1s"),
    ("DRAIN_TIMEOUT", "4s"),
];

/// The settings of the producer, which answers 503 well before a broker is back.
pub(super) const PRODUCER_ENV: [(&str, &str); 3] =
    [("RUST_LOG", LOG_FILTER), ("REQUEST_TIMEOUT", "4s"), ("DRAIN_TIMEOUT", "6s")];

/// The part of all videos that has each failure.
pub(super) const RATES: [(Failure, f64); 9] = [
    (Failure::Private, 0.015),
    (Failure::Deleted, 0.015),
    (Failure::ServerError, 0.015),
    (Failure::Reset, 0.01),
    (Failure::CutOffBody, 0.01),
    (Failure::Garbage, 0.005),
    (Failure::EmptyAnswer, 0.005),
    (Failure::Hang, 0.003),
    // Each one stops a whole consumer for a second.
    (Failure::Throttled { retry_after: Some(Duration::from_secs(1)) }, 0.0005),
];
