//! The running processes of a deployment: each role writes its row every few seconds, so that any
//! producer can show all of them. Metrics are per process.

mod beat;
mod identity;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::StoreError;

pub use beat::Heartbeat;
pub use identity::ProcessIdentity;

/// The most rows that are returned.
pub(crate) const MAX_PROCESSES: u32 = 1_000;

/// What a role is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessRole {
    /// Reads links from Kafka; may have an extractor server.
    Consumer,
    /// Serves the API.
    Producer,
}

impl ProcessRole {
    /// The role as users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Producer => "producer",
        }
    }
}

/// One role of one process, as of its last beat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Which one it is.
    pub identity: ProcessIdentity,
    /// How often it beats, in milliseconds.
    pub interval_ms: u64,
    /// What it does.
    pub figures: ProcessFigures,
}

impl ProcessRow {
    /// Returns the key of the row: a role has one row for each instance.
    pub(crate) fn key(&self) -> String {
        self.identity.key()
    }
}

/// What a role does; which fields are known depends on the role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessFigures {
    /// Where it answers HTTP, if it does.
    pub http_addr: Option<String>,
    /// The partitions that are assigned to a consumer.
    pub partitions: Option<Vec<i32>>,
    /// A consumer's records that are taken and not complete.
    pub in_flight: Option<u64>,
    /// Records between a consumer's commits and the ends of its partitions.
    pub lag: Option<u64>,
    /// A consumer's breaker: `closed` or `open`.
    pub breaker: Option<String>,
    /// Until when a consumer asks YouTube nothing.
    pub cool_down_until: Option<Timestamp>,
    /// Links that a consumer completed, since the beat before.
    pub links_per_second: Option<f64>,
    /// Requests that a producer accepted, since the beat before.
    pub accepted_per_second: Option<f64>,
    /// Requests that a producer answered 503, since the beat before.
    pub unavailable_per_second: Option<f64>,
}

/// A row, and how old it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenProcess {
    /// The row.
    pub row: ProcessRow,
    /// When it last beat, by the clock of the store.
    pub beat_at: Timestamp,
    /// How long ago that was, by the same clock: those of the processes may differ.
    pub silent_for: Duration,
}

impl SeenProcess {
    /// Whether more than three beats are missing.
    pub fn is_gone(&self) -> bool {
        self.silent_for > Duration::from_millis(self.row.interval_ms.saturating_mul(3))
    }
}

/// What a store keeps of processes. As with [`LinkStore`](crate::LinkStore), no method retries and
/// none has a default.
#[async_trait]
pub trait ProcessStore: Debug + Send + Sync {
    /// Writes the row of a process, which has beaten now.
    async fn beat(&self, row: &ProcessRow) -> Result<(), StoreError>;

    /// Returns all rows, at most a thousand, in no particular order.
    async fn processes(&self) -> Result<Vec<SeenProcess>, StoreError>;

    /// Removes the row of a process that ends.
    async fn remove_process(&self, identity: &ProcessIdentity) -> Result<(), StoreError>;

    /// Removes the rows of processes that have been silent for longer than this.
    async fn remove_silent(&self, silent_for: Duration) -> Result<(), StoreError>;
}
