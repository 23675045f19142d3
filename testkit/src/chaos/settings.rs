//! How a run is done, and how linkrelay's processes are set up for it.

use std::time::Duration;

use super::schedule::Brokers;
use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};

/// After so long the group takes a silent member's partitions away.
pub(super) const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// The topic's partitions at the beginning.
pub(super) const PARTITIONS: i32 = 3;
/// A transient failure goes away after so many requests: well below [`MAX_ATTEMPTS`], since a
/// consumer that was frozen finds that its requests have timed out meanwhile.
pub(super) const TRANSIENT_ATTEMPTS: u32 = 2;
const MAX_ATTEMPTS: &str = "10";

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
    fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        }
    }
}

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct ChaosSettings {
    /// Decides about links, failures and faults.
    pub seed: u64,
    /// How many links are posted.
    pub links: usize,
    /// How long faults go on; the links are spread over it.
    pub span: Duration,
    /// How the group shares its partitions.
    pub protocol: Protocol,
    /// Whether consumers have fixed names in the group (static membership).
    pub has_static_members: bool,
    /// One Kafka broker, or a cluster of three.
    pub brokers: Brokers,
    /// So many of a hundred links may be extracted once more than their record needs.
    pub max_repeats_percent: Option<f64>,
}

impl ChaosSettings {
    /// The fake YouTube: slow, and a few percent of each failure.
    pub(super) fn youtube(&self) -> FakeYouTubeSettings {
        FakeYouTubeSettings {
            latency: Duration::from_millis(20),
            latency_jitter: Duration::from_millis(180),
            rates: rates(),
            seed: self.seed,
            transient_attempts: Some(TRANSIENT_ATTEMPTS),
            ..FakeYouTubeSettings::default()
        }
    }

    /// What only consumers are told: short waits, so that much happens in little time.
    pub(super) fn consumer_env(&self, number: usize) -> Vec<(&'static str, String)> {
        let mut env = vec![
            ("KAFKA_GROUP_PROTOCOL", self.protocol.as_str().to_owned()),
            // One request an attempt, so that the fake's count tells how often a link was tried.
            ("EXTRACTORS", "watch_page".to_owned()),
            ("EXTRACTOR_TIMEOUT", "2s".to_owned()),
            ("EXTRACTOR_CONNECT_TIMEOUT", "2s".to_owned()),
            // So few that a burst makes a queue, which a fault then hits.
            ("MAX_IN_FLIGHT", "32".to_owned()),
            ("MAX_ATTEMPTS", MAX_ATTEMPTS.to_owned()),
            ("RETRY_BACKOFF_MIN", "50ms".to_owned()),
            ("RETRY_BACKOFF_MAX", "1s".to_owned()),
            ("DRAIN_TIMEOUT", "4s".to_owned()),
        ];
        // With the new protocol the broker decides, and its session is as short.
        if self.protocol == Protocol::Classic {
            let session_ms = SESSION_TIMEOUT.as_millis();
            let config = format!("session.timeout.ms={session_ms},heartbeat.interval.ms=1500");
            env.push(("KAFKA_CONFIG", config));
        }
        if self.has_static_members {
            env.push(("KAFKA_GROUP_INSTANCE_ID", format!("consumer-{number}")));
        }
        env
    }

    /// What only the producer is told: it gives up well before a broker is back.
    pub(super) fn producer_env() -> Vec<(&'static str, String)> {
        vec![("REQUEST_TIMEOUT", "4s".to_owned()), ("DRAIN_TIMEOUT", "6s".to_owned())]
    }
}

/// Which part of all videos fails how.
pub(super) fn rates() -> Vec<(Failure, f64)> {
    let throttled = Failure::Throttled { retry_after: Some(Duration::from_secs(1)) };
    vec![
        (Failure::Private, 0.015),
        (Failure::Deleted, 0.015),
        (Failure::ServerError, 0.015),
        (Failure::Reset, 0.01),
        (Failure::CutOffBody, 0.01),
        (Failure::Garbage, 0.005),
        (Failure::EmptyAnswer, 0.005),
        (Failure::Hang, 0.003),
        // Each one stops a whole consumer for a second.
        (throttled, 0.0005),
    ]
}
