//! Where a record is in Kafka, written so that no other record ever has the same origin.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A record's place, written `topic:partition:offset:timestamp`.
///
/// The timestamp is part of it because a topic that is deleted and created again gives its offsets
/// again: without it, a link in the new topic would pass for the one that was stored from the old.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordPlace {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The record's own timestamp as Kafka keeps it, in milliseconds since 1970; 0 for a record
    /// without one.
    pub timestamp: i64,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.topic, self.partition, self.offset, self.timestamp)
    }
}

/// Not of the form `topic:partition:offset:timestamp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record's place has the form topic:partition:offset:timestamp")]
pub struct RecordPlaceError;

impl FromStr for RecordPlace {
    type Err = RecordPlaceError;

    fn from_str(text: &str) -> Result<Self, RecordPlaceError> {
        let parts: Vec<&str> = text.split(':').collect();
        let [topic, partition, offset, timestamp] = parts[..] else { return Err(RecordPlaceError) };
        let place = Self {
            topic: topic.to_owned(),
            partition: partition.parse().map_err(|_| RecordPlaceError)?,
            offset: offset.parse().map_err(|_| RecordPlaceError)?,
            timestamp: timestamp.parse().map_err(|_| RecordPlaceError)?,
        };
        let is_place = is_topic_name(topic) && place.partition >= 0 && place.offset >= 0;
        // One place, one spelling: "+1" or "01" would name another document.
        if is_place && place.to_string() == text { Ok(place) } else { Err(RecordPlaceError) }
    }
}

/// Whether Kafka takes it for a topic.
pub fn is_topic_name(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && !matches!(name, "." | "..") && name.chars().all(is_legal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_are_no_places() {
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
            assert_eq!(text.parse::<RecordPlace>(), Err(RecordPlaceError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_place_survives_its_text(topic in "[A-Za-z0-9_-]{1,249}", partition in 0_i32.., offset in 0_i64.., timestamp: i64) {
            let place = RecordPlace { topic, partition, offset, timestamp };
            prop_assert_eq!(place.to_string().parse::<RecordPlace>(), Ok(place));
        }
    }
}
