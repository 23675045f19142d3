//! The names of requests and documents.
//!
//! The id of a document makes the whole pipeline idempotent: a link that is delivered twice writes
//! the same id twice, and the second write finds the first document.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::record_origin::RecordOrigin;

/// The UUID namespace of ids that derive from an Idempotency-Key. It must never change.
const IDEMPOTENCY_NAMESPACE: Uuid = Uuid::from_u128(0x8d3f_1c52_6a0e_4d0b_9f35_2be6_a1c4_7e90);

/// The name of one request, with the number of its links: `<uuid>-<n>`.
///
/// The number alone tells which documents to expect, so nothing else is kept of a request: its
/// documents are `<id>:0` to `<id>:<n-1>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    uuid: Uuid,
    links_count: u32,
}

impl RequestId {
    /// Returns a new id (UUID v7, so that ids sort by time) for a request of `links_count` links.
    pub fn new(links_count: u32) -> Self {
        Self { uuid: Uuid::now_v7(), links_count }
    }

    /// Returns the id of a request that came with an `Idempotency-Key`: the same key with the same
    /// links gives the same id forever, so a client's retry writes no second document. The id
    /// depends on the links as well, so that a key used again by mistake loses no links.
    pub fn from_idempotency_key<S: AsRef<str>>(key: &str, links: &[S]) -> Self {
        // Lengths first, so that no two different inputs give the same bytes.
        let mut name = format!("{}:{key}", key.len()).into_bytes();
        for link in links {
            let link = link.as_ref();
            name.extend_from_slice(format!("|{}:{link}", link.len()).as_bytes());
        }
        let links_count = u32::try_from(links.len()).unwrap_or(u32::MAX);
        Self { uuid: Uuid::new_v5(&IDEMPOTENCY_NAMESPACE, &name), links_count }
    }

    /// Returns how many links the request had.
    pub fn links_count(self) -> u32 {
        self.links_count
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.uuid.hyphenated(), self.links_count)
    }
}

/// A text that is not of the form `<uuid>-<n>` with n from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request id has the form <uuid>-<number of links>")]
pub struct RequestIdError;

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        let (uuid, count) = text.rsplit_once('-').ok_or(RequestIdError)?;
        let id = Self {
            uuid: Uuid::try_parse(uuid).map_err(|_| RequestIdError)?,
            links_count: count.parse().map_err(|_| RequestIdError)?,
        };
        // One id, one spelling: "+1", "01" or another form of the UUID would name other documents.
        if id.links_count > 0 && id.to_string() == text { Ok(id) } else { Err(RequestIdError) }
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The `_id` of a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(example = "0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-2:0")]
pub struct DocumentId(String);

impl DocumentId {
    /// Returns the id of the document of the link at `index` (from 0) of a request.
    pub fn of_request(request_id: RequestId, index: u32) -> Self {
        Self(format!("{request_id}:{index}"))
    }

    /// Returns the id of the document of the link at `index` (from 0) in a record that came
    /// without a request id.
    pub fn of_record(record: &RecordOrigin, index: u32) -> Self {
        Self(format!("{record}:{index}"))
    }

    /// Wraps an id that was read from a store.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn new_ids_differ_and_sort_by_time() {
        let (first, second) = (RequestId::new(1), RequestId::new(1));
        assert!(first.to_string() < second.to_string());
    }

    #[test]
    fn an_idempotency_key_gives_one_id_per_content() {
        let id = RequestId::from_idempotency_key("k", &["a", "b"]);
        assert_eq!(id, RequestId::from_idempotency_key("k", &["a", "b"]));
        assert_ne!(id, RequestId::from_idempotency_key("k", &["ab"]));
        assert_ne!(id, RequestId::from_idempotency_key("other", &["a", "b"]));
        assert_eq!(id.links_count(), 2);
    }

    #[test]
    fn other_spellings_are_not_ids() {
        let id = RequestId::new(7).to_string();
        for text in [
            "",
            "7",
            &id[..36],
            &format!("{id}x"),
            &id.to_uppercase(),
            &id.replace("-7", "-07"),
            &id.replace("-7", "-0"),
        ] {
            let is_same = *text == *id;
            assert!(is_same || text.parse::<RequestId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_survives_its_text(count in 1_u32..) {
            let id = RequestId::new(count);
            prop_assert_eq!(id.to_string().parse::<RequestId>(), Ok(id));
        }
    }
}
