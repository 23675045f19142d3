//! Where a record first stood: what a dead letter says of its past.

use std::fmt;
use std::str::FromStr;

use crate::kafka::is_topic_name;

/// A record's first place, written `topic:partition:offset`. It stays the same however often the
/// record is given up and replayed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.topic, self.partition, self.offset)
    }
}

/// Not of the form `topic:partition:offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record's origin has the form topic:partition:offset")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (rest, offset) = text.rsplit_once(':').ok_or(OriginError)?;
        let (topic, partition) = rest.rsplit_once(':').ok_or(OriginError)?;
        let origin = Self {
            topic: topic.to_owned(),
            partition: partition.parse().map_err(|_| OriginError)?,
            offset: offset.parse().map_err(|_| OriginError)?,
        };
        let is_place = is_topic_name(topic) && origin.partition >= 0 && origin.offset >= 0;
        // One place, one spelling: "+1" or "01" would name another document.
        if is_place && origin.to_string() == text { Ok(origin) } else { Err(OriginError) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_are_no_origins() {
        for text in [
            "",
            "T",
            "T:1",
            ":1:2",
            "T:1:",
            "T::2",
            "T:-1:2",
            "T:1:-2",
            "T:+1:2",
            "T:1:02",
            "T:1:2 ",
            "a:b:1:2",
            "T/x:1:2",
            "T:1:9223372036854775808",
            "T:2147483648:1",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_origin_survives_its_text(topic in "[A-Za-z0-9_-]{1,249}", partition in 0_i32.., offset in 0_i64..) {
            let origin = Origin { topic, partition, offset };
            prop_assert_eq!(origin.to_string().parse::<Origin>(), Ok(origin));
        }
    }
}
