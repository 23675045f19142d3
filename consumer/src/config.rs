//! Every setting of the consumer: a command line argument with an environment name.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::{Args, Parser};
use humantime::parse_duration;
use linkrelay_common::version::version;
use linkrelay_common::{MAX_EXPANDED_VIDEOS, MAX_LINKS_OF_RECORD, SettingsError};
use linkrelay_extractor::config::ExtractorSettings;
use linkrelay_http::MetricsSettings;
use linkrelay_http::client::ConnectionSettings;
use linkrelay_http::intake::IntakeSettings;
use linkrelay_http::keys::KeySettings;
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_store::settings::StoreSettings;
use linkrelay_telemetry::{LogSettings, TraceSettings};
use tokio::sync::Semaphore;

use crate::assignment::AssignmentLimits;
use crate::attempt::OutagePolicy;
use crate::batcher::BatchLimits;
use crate::lane::LaneLimits;
use crate::progress::UnreadLimits;
use crate::retry::RetryPolicy;
use crate::server::PostLinksSettings;
use crate::worker::WorkerLimits;

/// Less would remove documents that a client still waits for; MongoDB takes no more seconds.
const KEEP_DOCUMENTS: RangeInclusive<Duration> =
    Duration::from_secs(3_600)..=Duration::from_secs(i32::MAX as u64);

/// Takes links from Kafka, finds their metadata, and writes a document for each.
#[derive(Debug, Clone, Parser)]
#[command(name = "linkrelay-consumer", version = version())]
pub struct ConsumerSettings {
    /// The address of the extractor server (`POST /links`) and of health checks
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:5000")]
    pub http_addr: SocketAddr,

    /// Where records come from.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// The consumer group that it joins.
    #[command(flatten)]
    pub group: GroupSettings,

    /// How metadata is found.
    #[command(flatten)]
    pub extractor: ExtractorSettings,

    /// Where documents go.
    #[command(flatten)]
    pub store: StoreSettings,

    /// How much is done at once, how often, and how long.
    #[command(flatten)]
    pub pipeline: PipelineSettings,

    /// What clients of the extractor server may send.
    #[command(flatten)]
    pub intake: IntakeSettings,

    /// How many connections one client of the extractor server may have.
    #[command(flatten)]
    pub connections: ConnectionSettings,

    /// How many links the extractor server takes, and for how long.
    #[command(flatten)]
    pub post_links: PostLinksSettings,

    /// Who may use `POST /links`.
    #[command(flatten)]
    pub keys: KeySettings,

    /// Where metrics are served.
    #[command(flatten)]
    pub metrics: MetricsSettings,

    /// The settings of the log.
    #[command(flatten)]
    pub log: LogSettings,

    /// Where traces go.
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// How much is done at once, how often, and how long.
#[derive(Debug, Clone, Args)]
pub struct PipelineSettings {
    /// Links for which the whole process asks YouTube concurrently
    #[arg(long, env = "MAX_IN_FLIGHT", default_value_t = 64)]
    pub max_in_flight: usize,

    /// Links in flight per partition
    #[arg(long, env = "CONCURRENCY_PER_PARTITION", default_value_t = 64)]
    pub concurrency_per_partition: usize,

    /// Attempts for a link before it becomes a dead letter
    #[arg(long, env = "MAX_ATTEMPTS", default_value_t = 5)]
    pub max_attempts: u32,

    /// The wait before a link's second attempt; doubled for each further one
    #[arg(long, env = "RETRY_BACKOFF_MIN", default_value = "500ms", value_parser = parse_duration)]
    pub retry_backoff_min: Duration,

    /// The longest wait between two attempts
    #[arg(long, env = "RETRY_BACKOFF_MAX", default_value = "30s", value_parser = parse_duration)]
    pub retry_backoff_max: Duration,

    /// Metadata in the store that is more recent than this is used without asking YouTube,
    /// unless the link is submitted with `force`; 0s asks each time
    #[arg(long, env = "REUSE_WITHIN", default_value = "0s", value_parser = parse_duration)]
    pub reuse_within: Duration,

    /// How long a document is kept after it was stored (90d); at least 1h, or 0s for forever
    #[arg(long, env = "KEEP_DOCUMENTS_FOR", default_value = "0s", value_parser = parse_duration)]
    pub keep_documents_for: Duration,

    /// The most videos that a link to a playlist or channel is expanded into, from its first on; only with YOUTUBE_API_KEY
    #[arg(long, env = "EXPAND_LIMIT", default_value_t = 500)]
    pub expand_limit: u32,

    /// How many recent links the breaker evaluates
    #[arg(long, env = "BREAKER_WINDOW_LINKS", default_value_t = 50)]
    pub breaker_window_links: usize,

    /// With fewer recent links than this, the breaker stays closed
    #[arg(long, env = "BREAKER_MIN_LINKS", default_value_t = 10)]
    pub breaker_min_links: usize,

    /// The share of recent links, above 0 and at most 1, that must fail for reasons not their own before all are held
    #[arg(long, env = "BREAKER_FAILURE_RATIO", default_value_t = 0.5)]
    pub breaker_failure_ratio: f64,

    /// How often one link is tried while all are held
    #[arg(long, env = "BREAKER_PROBE_INTERVAL", default_value = "5s", value_parser = parse_duration)]
    pub breaker_probe_interval: Duration,

    /// How long links in flight may take to finish when partitions are revoked or the process stops
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub drain_timeout: Duration,

    /// How often offsets are committed
    #[arg(long, env = "COMMIT_INTERVAL", default_value = "1s", value_parser = parse_duration)]
    pub commit_interval: Duration,

    /// How long a partition may have records that are not read, although its lane has room, before readiness warns of it
    #[arg(long, env = "UNREAD_WARN_AFTER", default_value = "1m", value_parser = parse_duration)]
    pub unread_warn_after: Duration,

    /// How long before liveness fails, so that an orchestrator restarts the process
    #[arg(long, env = "UNREAD_FAIL_AFTER", default_value = "5m", value_parser = parse_duration)]
    pub unread_fail_after: Duration,

    /// Records waiting per partition before no more of it are read
    #[arg(long, env = "LANE_QUEUE", default_value_t = 1_000)]
    pub lane_queue: usize,

    /// Records between the committed offset and the newest one taken, per partition, before no more of it are read
    #[arg(long, env = "MAX_PREFIX_GAP", default_value_t = 20_000)]
    pub max_prefix_gap: usize,

    /// Bytes of records in flight, all partitions together, before no more are read
    #[arg(long, env = "MAX_HELD_BYTES", default_value_t = 64 * 1_024 * 1_024)]
    pub max_held_bytes: usize,

    /// Documents in one write to the store
    #[arg(long, env = "BATCH_DOCUMENTS", default_value_t = 500)]
    pub batch_documents: usize,

    /// How long the first document of a batch waits for more
    #[arg(long, env = "BATCH_LINGER", default_value = "5ms", value_parser = parse_duration)]
    pub batch_linger: Duration,

    /// Writes to the store in flight
    #[arg(long, env = "BATCHES_IN_FLIGHT", default_value_t = 4)]
    pub batches_in_flight: usize,
}

impl PipelineSettings {
    /// Checks the settings against each other.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable.
    pub fn validate(
        &self,
        kafka: &KafkaSettings,
        group: &GroupSettings,
    ) -> Result<(), SettingsError> {
        for (setting, value) in [
            ("MAX_IN_FLIGHT", self.max_in_flight),
            ("CONCURRENCY_PER_PARTITION", self.concurrency_per_partition),
            ("MAX_ATTEMPTS", self.max_attempts as usize),
            ("BREAKER_MIN_LINKS", self.breaker_min_links),
            ("LANE_QUEUE", self.lane_queue),
            ("MAX_PREFIX_GAP", self.max_prefix_gap),
            ("MAX_HELD_BYTES", self.max_held_bytes),
            ("BATCH_DOCUMENTS", self.batch_documents),
            ("BATCHES_IN_FLIGHT", self.batches_in_flight),
        ] {
            if value == 0 {
                return Err(SettingsError::new(setting, "must be at least 1"));
            }
        }
        if !(1..=MAX_EXPANDED_VIDEOS).contains(&self.expand_limit) {
            let problem = format!("must be from 1 to {MAX_EXPANDED_VIDEOS}");
            return Err(SettingsError::new("EXPAND_LIMIT", problem));
        }
        let keep_for = self.keep_documents_for;
        if !keep_for.is_zero() && !KEEP_DOCUMENTS.contains(&keep_for) {
            let problem = "must be from 1h to 68y, or 0s to keep documents forever";
            return Err(SettingsError::new("KEEP_DOCUMENTS_FOR", problem));
        }
        let (ratio, max_permits) = (self.breaker_failure_ratio, Semaphore::MAX_PERMITS);
        let is_window = self.breaker_window_links >= self.breaker_min_links;
        let is_backoff = self.retry_backoff_min <= self.retry_backoff_max;
        let is_unread = self.unread_warn_after <= self.unread_fail_after;
        for (setting, is_valid, problem) in [
            ("MAX_IN_FLIGHT", self.max_in_flight <= max_permits, "is too large"),
            ("LANE_QUEUE", self.lane_queue <= max_permits, "is too large"),
            ("BREAKER_FAILURE_RATIO", ratio > 0.0 && ratio <= 1.0, "must be above 0 and at most 1"),
            ("BREAKER_WINDOW_LINKS", is_window, "must not be below BREAKER_MIN_LINKS"),
            ("UNREAD_WARN_AFTER", !self.unread_warn_after.is_zero(), "must be longer than 0s"),
            ("UNREAD_WARN_AFTER", is_unread, "must not be above UNREAD_FAIL_AFTER"),
            ("RETRY_BACKOFF_MIN", is_backoff, "must not be above RETRY_BACKOFF_MAX"),
        ] {
            if !is_valid {
                return Err(SettingsError::new(setting, problem));
            }
        }
        group.validate_drain(kafka, self.drain_timeout)
    }

    /// Returns how long documents are kept; `None` if forever.
    pub(crate) fn retention(&self) -> Option<Duration> {
        Some(self.keep_documents_for).filter(|keep_for| !keep_for.is_zero())
    }

    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        let Self { max_attempts, retry_backoff_min, retry_backoff_max, .. } = *self;
        RetryPolicy { max_attempts, backoff_min: retry_backoff_min, backoff_max: retry_backoff_max }
    }

    pub(crate) fn breaker_policy(&self) -> OutagePolicy {
        OutagePolicy {
            window_links: self.breaker_window_links,
            // With fewer links in flight than that, the breaker could never open.
            min_links: self.breaker_min_links.min(self.max_in_flight),
            failure_ratio: self.breaker_failure_ratio,
            probe_interval: self.breaker_probe_interval,
        }
    }

    pub(crate) fn batch_limits(&self) -> BatchLimits {
        BatchLimits {
            documents: self.batch_documents,
            linger: self.batch_linger,
            in_flight: self.batches_in_flight,
        }
    }

    /// Returns the limits for records of at most `max_links` links, and of no more links than have
    /// indexes.
    pub(crate) fn worker_limits(&self, max_links: usize) -> WorkerLimits {
        let most = usize::try_from(MAX_LINKS_OF_RECORD).unwrap_or(usize::MAX);
        WorkerLimits {
            concurrency: self.concurrency_per_partition,
            prefix_gap: self.max_prefix_gap,
            links_of_record: max_links.min(most),
        }
    }

    pub(crate) fn unread_limits(&self) -> UnreadLimits {
        UnreadLimits { warn_after: self.unread_warn_after, fail_after: self.unread_fail_after }
    }

    pub(crate) fn assignment_limits(&self) -> AssignmentLimits {
        let lane = LaneLimits { queued: self.lane_queue, prefix_gap: self.max_prefix_gap };
        AssignmentLimits { lane, held_bytes: self.max_held_bytes }
    }
}
