//! Where dead letters are.

use std::sync::Arc;

use linkrelay_kafka::KafkaSettings;
use linkrelay_store::sqlite::SqliteStore;

/// Where dead letters are, and where their replays go.
#[derive(Debug, Clone)]
pub enum LetterSource {
    /// In their topic; a replay goes to the topic of links.
    Topic(KafkaSettings),
    /// In rows of the embedded mode's file; a replay marks them, and `linkrelay up` publishes them.
    Rows(Arc<SqliteStore>),
}
