//! The headers of a Kafka record: where it came from, and on a dead letter why it was given up.
//!
//! All are optional. A value that cannot be read counts as absent: other programs write to the
//! topic as well, and a wrong header must not block a link. A record of the topic of results has
//! headers of its own ([`result`]).

pub mod result;

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use rdkafka::message::{Header, Headers, OwnedHeaders};

use linkrelay_common::class::ErrorClass;
use linkrelay_common::ids::RequestId;
use linkrelay_common::link_identity::LinkIdentity;
use linkrelay_common::record_origin::RecordOrigin;
use linkrelay_telemetry::TraceContext;

const REQUEST_ID: &str = "linkrelay-request-id";
const INDEX: &str = "linkrelay-index";
const SUBMITTED_AT: &str = "linkrelay-submitted-at";
const TRACE_PARENT: &str = TraceContext::HEADER;
const ERROR_CLASS: &str = "linkrelay-error-class";
const ERROR: &str = "linkrelay-error";
const ATTEMPTS: &str = "linkrelay-attempts";
const ORIGIN: &str = "linkrelay-origin";
const FAILED_AT: &str = "linkrelay-failed-at";
const TRUNCATED: &str = "linkrelay-truncated";
const REPLAYS: &str = "linkrelay-replays";
/// What the names of all headers of linkrelay begin with, except `traceparent`.
const OWN_PREFIX: &str = "linkrelay-";

/// The headers that only a dead letter has; a replay removes them and keeps the origin.
const OF_A_FAILURE: [&str; 4] = [ERROR_CLASS, ERROR, ATTEMPTS, FAILED_AT];

/// The text of an error is truncated to this length.
const MAX_ERROR_CHARS: usize = 1_000;

/// Returns a copy of a record's headers, without those whose names are not UTF-8.
///
/// It must be made before anything else reads headers that another program wrote: rust-rdkafka
/// (0.39, `Headers::try_get`) panics for such a name, and one record would end the poll thread
/// after every start.
pub fn copy_readable(headers: &impl Headers) -> OwnedHeaders {
    let count = headers.count();
    (0..count).fold(OwnedHeaders::new_with_capacity(count), |copy, index| {
        match catch_unwind(AssertUnwindSafe(|| headers.try_get(index))) {
            Ok(Some(header)) => copy.insert(header),
            Ok(None) | Err(_) => copy,
        }
    })
}

/// Which request a record belongs to, or where it first was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordHeaders {
    /// The request and the link's index in it; given only together, and with an index that the
    /// request can have.
    pub request: Option<(RequestId, u32)>,
    /// Where a replayed record first was, and the index of its link there (0 if it is not
    /// written). The index is the one of `request`, if both are given.
    pub origin: Option<(RecordOrigin, u32)>,
    /// When the request was received.
    pub submitted_at: Option<Timestamp>,
    /// The span that sent the record.
    pub trace_parent: Option<TraceContext>,
}

impl RecordHeaders {
    /// Reads the headers that are present and valid.
    pub fn read(headers: &impl Headers) -> Self {
        let request_id = text(headers, REQUEST_ID).and_then(|id| id.parse::<RequestId>().ok());
        let index = text(headers, INDEX).and_then(|index| index.parse::<u32>().ok());
        let origin = text(headers, ORIGIN).and_then(|origin| origin.parse::<RecordOrigin>().ok());
        Self {
            request: request_id.zip(index).filter(|(id, index)| id.has_index(*index)),
            origin: origin.map(|origin| (origin, index.unwrap_or(0))),
            submitted_at: text(headers, SUBMITTED_AT).and_then(|at| at.parse().ok()),
            trace_parent: text(headers, TRACE_PARENT).and_then(|text| text.parse().ok()),
        }
    }

    /// Returns the headers as they are published.
    pub fn to_kafka(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        if let Some((request_id, _)) = self.request {
            headers = with(headers, REQUEST_ID, &request_id.to_string());
        }
        if let Some((origin, _)) = &self.origin {
            headers = with(headers, ORIGIN, &origin.to_string());
        }
        let index_at_origin = self.origin.as_ref().map(|(_, index)| *index);
        if let Some(index) = self.request.map(|(_, index)| index).or(index_at_origin) {
            headers = with(headers, INDEX, &index.to_string());
        }
        if let Some(at) = self.submitted_at {
            headers = with(headers, SUBMITTED_AT, &at.to_string());
        }
        if let Some(trace_parent) = self.trace_parent {
            headers = with(headers, TRACE_PARENT, &trace_parent.to_string());
        }
        headers
    }

    /// Returns the identity of the link at `index` of a record with `links_count` links, if these
    /// headers name it; otherwise the record's position names it. An index in the headers is the
    /// index of one link, so it counts only for a record of one link.
    pub fn link_identity(&self, index: u32, links_count: usize) -> Option<LinkIdentity> {
        if let (Some((request_id, index)), 1) = (self.request, links_count) {
            return Some(LinkIdentity::OfRequest { request_id, index });
        }
        let (origin, index_there) = self.origin.clone()?;
        let index = if links_count == 1 { index_there } else { index };
        Some(LinkIdentity::OfRecord { origin, index })
    }
}

/// Why a record was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHeaders {
    /// The class of the last error.
    pub class: ErrorClass,
    /// The message of the last error.
    pub error: String,
    /// The number of attempts; 0 for a record that could not be read.
    pub attempts: u32,
    /// Where the record was before any replay.
    pub origin: RecordOrigin,
    /// When it was given up.
    pub failed_at: Timestamp,
}

impl DeadLetterHeaders {
    /// Reads the headers of a dead letter. Returns `None` for a record that is not a dead letter of
    /// linkrelay; only the message of the error may be missing.
    pub fn read(headers: &impl Headers) -> Option<Self> {
        Some(Self {
            class: text(headers, ERROR_CLASS)?.parse().ok()?,
            error: text(headers, ERROR).unwrap_or_default().to_owned(),
            attempts: text(headers, ATTEMPTS)?.parse().ok()?,
            origin: text(headers, ORIGIN)?.parse().ok()?,
            failed_at: text(headers, FAILED_AT)?.parse().ok()?,
        })
    }

    /// Adds the index of the link in its record, for a link whose document is named by the record's
    /// origin. A request id is removed, because with this index it would name another document.
    pub fn with_index(headers: &OwnedHeaders, index: u32) -> OwnedHeaders {
        with(without(headers, &[REQUEST_ID, INDEX]), INDEX, &index.to_string())
    }

    /// Adds the time of submission to headers without one, so that it outlives the record.
    pub fn with_submitted_at(headers: OwnedHeaders, at: Timestamp) -> OwnedHeaders {
        match RecordHeaders::read(&headers).submitted_at {
            Some(_) => headers,
            None => with(without(&headers, &[SUBMITTED_AT]), SUBMITTED_AT, &at.to_string()),
        }
    }

    /// Adds these to the record's own headers, which stay unchanged. A replayed record that failed
    /// again keeps its first origin, and loses the headers of the earlier failure.
    pub fn add_to(&self, headers: &OwnedHeaders) -> OwnedHeaders {
        let first = text(headers, ORIGIN).and_then(|origin| origin.parse::<RecordOrigin>().ok());
        let error: String = self.error.chars().take(MAX_ERROR_CHARS).collect();
        let headers = without(&Self::strip(headers), &[ORIGIN]);
        let headers = with(headers, ERROR_CLASS, self.class.as_str());
        let headers = with(headers, ERROR, &error);
        let headers = with(headers, ATTEMPTS, &self.attempts.to_string());
        let headers = with(headers, ORIGIN, &first.as_ref().unwrap_or(&self.origin).to_string());
        with(headers, FAILED_AT, &self.failed_at.to_string())
    }

    /// Returns a dead letter's headers for its replay: without the failure, with the origin.
    pub fn strip(headers: &OwnedHeaders) -> OwnedHeaders {
        without(&without(headers, &OF_A_FAILURE), &[TRUNCATED])
    }

    /// Returns the headers that fit into `max_bytes`, in their order: linkrelay's own are chosen
    /// first, then the smaller ones before the larger ones. `value_bytes` is the size of the value
    /// before it was truncated.
    pub fn truncated(headers: &OwnedHeaders, value_bytes: usize, max_bytes: usize) -> OwnedHeaders {
        let headers = with(without(headers, &[TRUNCATED]), TRUNCATED, &value_bytes.to_string());
        let size = |header: &Header<'_, &[u8]>| header_bytes(header.key, header.value);
        let mut by_need: Vec<usize> = (0..headers.count()).collect();
        by_need.sort_by_key(|index| {
            let header = headers.get(*index);
            (!header.key.starts_with(OWN_PREFIX), size(&header))
        });
        let mut room = max_bytes;
        by_need.retain(|index| {
            let left = room.checked_sub(size(&headers.get(*index)));
            room = left.unwrap_or(room);
            left.is_some()
        });
        by_need.sort_unstable();
        let fitting = by_need.into_iter();
        fitting.fold(OwnedHeaders::new(), |copy, index| copy.insert(headers.get(index)))
    }

    /// Returns how large the value of a truncated dead letter was; `None` if it is not truncated.
    pub fn truncated_bytes(headers: &impl Headers) -> Option<u64> {
        text(headers, TRUNCATED)?.parse().ok()
    }

    /// Sets the span that sends a record again.
    pub fn with_trace(headers: &OwnedHeaders, context: TraceContext) -> OwnedHeaders {
        with(without(headers, &[TRACE_PARENT]), TRACE_PARENT, &context.to_string())
    }

    /// Returns how often a record was replayed.
    pub fn replays(headers: &impl Headers) -> u32 {
        text(headers, REPLAYS).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Sets how often a record was replayed.
    pub fn with_replays(headers: &OwnedHeaders, count: u32) -> OwnedHeaders {
        with(without(headers, &[REPLAYS]), REPLAYS, &count.to_string())
    }
}

/// Returns roughly how many bytes the headers of a record take in a request to the broker.
pub fn headers_bytes(headers: &impl Headers) -> usize {
    headers.iter().map(|header| header_bytes(header.key, header.value)).sum()
}

fn header_bytes(key: &str, value: Option<&[u8]>) -> usize {
    /// Two lengths, at most five bytes each.
    const LENGTHS: usize = 10;
    LENGTHS + key.len() + value.map_or(0, <[u8]>::len)
}

fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

/// Returns a copy without the headers of these names, the others in their order.
fn without(headers: &OwnedHeaders, names: &[&str]) -> OwnedHeaders {
    let kept = headers.iter().filter(|header| !names.contains(&header.key));
    let room = headers.count() + OF_A_FAILURE.len() + 1;
    kept.fold(OwnedHeaders::new_with_capacity(room), |copy, header| copy.insert(header))
}

fn text<'a>(headers: &'a impl Headers, key: &str) -> Option<&'a str> {
    let header = headers.iter().find(|header| header.key == key)?;
    std::str::from_utf8(header.value?).ok()
}

#[cfg(test)]
mod tests;
