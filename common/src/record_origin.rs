//! Where a record is in Kafka, written so that no other record ever has the same origin.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::partition::{Offset, Partition};

/// The topic, partition, offset and timestamp of a record, written
/// `topic:partition:offset:timestamp`.
///
/// The timestamp is part of it because a topic that is deleted and created again gives its offsets
/// again: without it, a link in the new topic would pass for the one that was stored from the old.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordOrigin {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: Partition,
    /// The offset.
    pub offset: Offset,
    /// The record's own timestamp as Kafka keeps it, in milliseconds since 1970; 0 for a record
    /// without one.
    pub timestamp: i64,
}

impl fmt::Display for RecordOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.topic, self.partition, self.offset, self.timestamp)
    }
}

/// Not of the form `topic:partition:offset:timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record's origin has the form topic:partition:offset:timestamp")]
pub struct RecordOriginError;

impl FromStr for RecordOrigin {
    type Err = RecordOriginError;

    fn from_str(text: &str) -> Result<Self, RecordOriginError> {
        let parts: Vec<&str> = text.split(':').collect();
        let [topic, partition, offset, timestamp] = parts[..] else {
            return Err(RecordOriginError);
        };
        let origin = Self {
            topic: topic.to_owned(),
            partition: Partition(partition.parse().map_err(|_| RecordOriginError)?),
            offset: Offset(offset.parse().map_err(|_| RecordOriginError)?),
            timestamp: timestamp.parse().map_err(|_| RecordOriginError)?,
        };
        let is_origin =
            is_topic_name(topic) && origin.partition >= Partition(0) && origin.offset >= Offset(0);
        // One origin, one spelling: "+1" or "01" would name another document.
        if is_origin && origin.to_string() == text { Ok(origin) } else { Err(RecordOriginError) }
    }
}

/// Whether Kafka accepts this name for a topic.
pub fn is_topic_name(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && !matches!(name, "." | "..") && name.chars().all(is_legal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_are_not_origins() {
        for text in [
            "",
            "T",
            "T:1",
            "T:1:2",
            ":1:2:3",
            "T:1:2:",
            "T:1::3",
            "T::2:3",
            "T:-1:2:3",
            "T:1:-2:3",
            "T:+1:2:3",
            "T:1:02:3",
            "T:1:2:03",
            "T:1:2:-0",
            "T:1:2:3 ",
            "a:b:1:2:3",
            "T/x:1:2:3",
            "T:1:9223372036854775808:3",
            "T:1:2:9223372036854775808",
            "T:2147483648:1:3",
        ] {
            assert_eq!(text.parse::<RecordOrigin>(), Err(RecordOriginError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_origin_survives_its_text(topic in "[A-Za-z0-9_-]{1,249}", partition in 0_i32.., offset in 0_i64.., timestamp: i64) {
            let (partition, offset) = (Partition(partition), Offset(offset));
            let origin = RecordOrigin { topic, partition, offset, timestamp };
            prop_assert_eq!(origin.to_string().parse::<RecordOrigin>(), Ok(origin));
        }
    }
}
