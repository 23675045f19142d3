//! The requests that a producer has accepted, so that they can be listed, also while all of their
//! links are pending.
//!
//! A row is only for the listing. The id of a request tells by itself which documents to expect, so
//! nothing is lost with a row.

mod cursor;

use std::collections::HashMap;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::RequestId;

use crate::{RequestCounts, StoreError};

pub use cursor::{RequestCursor, RequestCursorError};

/// How many links of a request its row names.
const LABEL_LINKS: usize = 2;
/// How many characters of a link its row has.
const LABEL_CHARACTERS: usize = 200;

/// A request that a producer has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its id.
    pub id: RequestId,
    /// When it was accepted, in milliseconds.
    pub accepted_at: Timestamp,
    /// How it was submitted.
    pub path: RequestPath,
    /// Whether the client sent an Idempotency-Key.
    pub has_key: bool,
    /// The first links, truncated, by which an operator recognizes the request.
    pub links: Vec<String>,
}

impl RequestRow {
    /// Makes the row of a request that is accepted now, of which these are the links.
    pub fn new<'a>(
        id: RequestId,
        path: RequestPath,
        has_key: bool,
        links: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let now = Timestamp::now().as_millisecond();
        let label = |link: &str| link.chars().take(LABEL_CHARACTERS).collect();
        Self {
            id,
            // A store keeps milliseconds.
            accepted_at: Timestamp::from_millisecond(now).unwrap_or_default(),
            path,
            has_key,
            links: links.into_iter().take(LABEL_LINKS).map(label).collect(),
        }
    }

    /// Returns where a page that ends with this request ends.
    pub fn cursor(&self) -> RequestCursor {
        RequestCursor { accepted_ms: self.accepted_at.as_millisecond(), id: self.id }
    }
}

/// How a request was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPath {
    /// It was answered when Kafka, or the journal, had its links.
    Kafka,
    /// It was answered when its documents were stored.
    Waiting,
}

impl RequestPath {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Kafka, Self::Waiting];

    /// The path as users read it, and as a store keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Waiting => "waiting",
        }
    }

    /// Reads what [`as_str`](Self::as_str) returns.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.as_str() == text)
    }
}

/// How far a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestTally {
    /// Its links that have documents, with the videos of its lists.
    pub counts: RequestCounts,
    /// How many videos its lists have.
    pub list_videos: u32,
}

impl RequestTally {
    /// Returns how many links a request has, with the videos of the lists that are expanded.
    pub fn total_of(&self, id: RequestId) -> u32 {
        id.links_count().saturating_add(self.list_videos)
    }
}

/// What a store keeps of requests. As with [`LinkStore`](crate::LinkStore), no method retries and
/// none has a default.
#[async_trait]
pub trait RequestStore: Debug + Send + Sync {
    /// Adds the rows of requests. One whose id exists changes nothing, so a request that a client
    /// sends again keeps the time at which it was first accepted.
    ///
    /// # Errors
    /// Fails if it is unknown whether each row is there; they can be added again.
    async fn add_requests(&self, rows: &[RequestRow]) -> Result<(), StoreError>;

    /// Returns up to `limit` requests behind `after`, those that were accepted last first; of two
    /// of the same millisecond, the one with the greater id first.
    async fn requests(
        &self,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError>;

    /// Returns how far each of these requests is; one without documents may be left out.
    async fn tallies(
        &self,
        ids: &[RequestId],
    ) -> Result<HashMap<RequestId, RequestTally>, StoreError>;
}
