//! The headers of a Kafka record: where it came from, and on a dead letter why it is one.
//!
//! All are optional. A value that cannot be read counts as absent: other programs write to
//! the topic, too, and a wrong header must not hold a link.

use jiff::Timestamp;
use rdkafka::message::{Header, Headers, OwnedHeaders};

use crate::class::ErrorClass;
use crate::ids::RequestId;

const REQUEST_ID: &str = "linkrelay-request-id";
const INDEX: &str = "linkrelay-index";
const SUBMITTED_AT: &str = "linkrelay-submitted-at";
const TRACE_PARENT: &str = "traceparent";
const ERROR_CLASS: &str = "linkrelay-error-class";
const ERROR: &str = "linkrelay-error";
const ATTEMPTS: &str = "linkrelay-attempts";
const ORIGIN: &str = "linkrelay-origin";
const FAILED_AT: &str = "linkrelay-failed-at";

/// A header's text is cut at this length; an error message needs no more.
const MAX_ERROR_CHARS: usize = 1_000;

/// Which request a record belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordHeaders {
    /// The request and the link's index in it; given only together, and with the index below
    /// the request's count.
    pub place: Option<(RequestId, u32)>,
    /// When the request came in.
    pub submitted_at: Option<Timestamp>,
    /// W3C trace context.
    pub trace_parent: Option<String>,
}

impl RecordHeaders {
    /// Reads what is there and readable.
    pub fn read(headers: &impl Headers) -> Self {
        let request_id = text(headers, REQUEST_ID).and_then(|id| id.parse::<RequestId>().ok());
        let index = text(headers, INDEX).and_then(|index| index.parse::<u32>().ok());
        Self {
            place: request_id.zip(index).filter(|(id, index)| *index < id.links_count()),
            submitted_at: text(headers, SUBMITTED_AT).and_then(|at| at.parse().ok()),
            trace_parent: text(headers, TRACE_PARENT).map(str::to_owned),
        }
    }

    /// The headers as they are published.
    pub fn to_kafka(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        if let Some((request_id, index)) = self.place {
            headers = with(headers, REQUEST_ID, &request_id.to_string());
            headers = with(headers, INDEX, &index.to_string());
        }
        if let Some(at) = self.submitted_at {
            headers = with(headers, SUBMITTED_AT, &at.to_string());
        }
        if let Some(trace_parent) = &self.trace_parent {
            headers = with(headers, TRACE_PARENT, trace_parent);
        }
        headers
    }
}

/// Why a record was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHeaders {
    /// The class of the last error.
    pub class: ErrorClass,
    /// The last error, in words.
    pub error: String,
    /// How often it was tried; 0 for a record that could not be read.
    pub attempts: u32,
    /// Where the record stood.
    pub topic: String,
    /// See `topic`.
    pub partition: i32,
    /// See `topic`.
    pub offset: i64,
    /// When it was given up.
    pub failed_at: Timestamp,
}

impl DeadLetterHeaders {
    /// Says which link of its record a dead letter is; for records of several links.
    pub fn with_index(headers: OwnedHeaders, index: u32) -> OwnedHeaders {
        with(headers, INDEX, &index.to_string())
    }

    /// Adds these to the record's own headers, which go through unchanged.
    pub fn add_to(&self, headers: OwnedHeaders) -> OwnedHeaders {
        let origin = format!("{}:{}:{}", self.topic, self.partition, self.offset);
        let error: String = self.error.chars().take(MAX_ERROR_CHARS).collect();
        let headers = with(headers, ERROR_CLASS, self.class.as_str());
        let headers = with(headers, ERROR, &error);
        let headers = with(headers, ATTEMPTS, &self.attempts.to_string());
        let headers = with(headers, ORIGIN, &origin);
        with(headers, FAILED_AT, &self.failed_at.to_string())
    }
}

fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

fn text<'a>(headers: &'a impl Headers, key: &str) -> Option<&'a str> {
    let header = headers.iter().find(|header| header.key == key)?;
    std::str::from_utf8(header.value?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_without_its_request_counts_for_nothing() {
        let id = RequestId::new(2).to_string();
        for (request_id, index) in
            [("rubbish", "0"), (id.as_str(), "2"), (id.as_str(), "-1"), (id.as_str(), "")]
        {
            let headers = with(with(OwnedHeaders::new(), REQUEST_ID, request_id), INDEX, index);
            assert_eq!(RecordHeaders::read(&headers).place, None, "{request_id} {index}");
        }
    }

    #[test]
    fn a_dead_letter_keeps_the_record_s_own_headers() {
        let own = RecordHeaders { place: Some((RequestId::new(1), 0)), ..RecordHeaders::default() };
        let dead = DeadLetterHeaders {
            class: ErrorClass::Transient,
            error: "é".repeat(2_000),
            attempts: 5,
            topic: "T".to_owned(),
            partition: 3,
            offset: 42,
            failed_at: Timestamp::UNIX_EPOCH,
        };
        let headers = dead.add_to(own.to_kafka());
        assert_eq!(RecordHeaders::read(&headers), own);
        assert_eq!(text(&headers, ORIGIN), Some("T:3:42"));
        assert_eq!(text(&headers, ERROR_CLASS), Some("transient"));
        assert_eq!(text(&headers, ERROR).map(|error| error.chars().count()), Some(1_000));
    }

    proptest! {
        #[test]
        fn headers_survive_the_wire(count in 1_u32.., trace_parent: Option<String>, second in 0_i64..4_000_000_000, has_place: bool) {
            let headers = RecordHeaders {
                place: has_place.then(|| (RequestId::new(count), count - 1)),
                submitted_at: Timestamp::from_second(second).ok(),
                trace_parent,
            };
            prop_assert_eq!(RecordHeaders::read(&headers.to_kafka()), headers);
        }
    }
}
