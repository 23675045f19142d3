//! One dead letter: the record as it is in its topic or row, and what its headers and its value
//! mean.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, ErrorClass, LinkIdentity, RequestId};
use linkrelay_kafka::{DeadLetterHeaders, LinkMessage, RecordHeaders, copy_readable};
use linkrelay_store::sqlite::LetterRow;
use rdkafka::Message;
use rdkafka::message::{Header, OwnedHeaders};
use serde::Serialize;
use utoipa::ToSchema;

use super::text::raw_text;

/// A dead letter as it is in the topic or the row.
#[derive(Debug, Clone)]
pub struct RawLetter {
    /// Its partition; 0 for a row.
    pub partition: i32,
    /// Its offset, or the position of its row.
    pub offset: i64,
    /// When it was written, in milliseconds since 1970.
    pub written_at_ms: Option<i64>,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Option<Vec<u8>>,
    /// All headers.
    pub headers: OwnedHeaders,
    /// Whether a row is to be replayed, or its replay is in flight.
    pub is_marked: bool,
}

impl RawLetter {
    pub(super) fn of_record(message: &impl Message) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            written_at_ms: message.timestamp().to_millis(),
            key: message.key().map(Vec::from),
            value: message.payload().map(Vec::from),
            headers: message.headers().map(copy_readable).unwrap_or_default(),
            is_marked: false,
        }
    }

    pub(super) fn of_row(row: LetterRow) -> Self {
        let LetterRow { position, entry, is_marked } = row;
        let headers = entry.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        Self {
            partition: 0,
            offset: position,
            written_at_ms: Some(entry.written_at_ms),
            key: entry.key,
            value: Some(entry.value),
            headers,
            is_marked,
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// A decoded dead letter. Its JSON form is a line of `dlq list --json`; unknown fields are null.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// When the link was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failed_at: Option<Timestamp>,
    /// The class of the last error; null for a record of another program.
    pub class: Option<ErrorClass>,
    /// How often the link was tried.
    pub attempts: Option<u32>,
    /// The document of the link, or of the record that could not be read.
    pub document_id: Option<DocumentId>,
    /// The request, if the link belongs to one.
    pub request_id: Option<RequestId>,
    /// The record origin, as `topic:partition:offset:timestamp`.
    pub origin: Option<String>,
    /// The link, if the value is exactly one.
    pub link: Option<String>,
    /// Otherwise the value, short and safe to print.
    pub raw: Option<String>,
    /// The message of the last error.
    pub error: Option<String>,
    /// How often it was replayed before it was given up again.
    pub replays: u32,
    /// How many bytes the value had, if it is truncated.
    pub truncated: Option<u64>,
    /// The partition of the dead letter itself.
    pub partition: i32,
    /// The offset of the dead letter itself.
    pub offset: i64,
}

impl DeadLetter {
    /// Reads a dead letter; what cannot be read of a record of another program is left out.
    pub fn read(raw: &RawLetter) -> Self {
        let headers = RecordHeaders::read(&raw.headers);
        let reason = DeadLetterHeaders::read(&raw.headers);
        let value = raw.value.as_deref().unwrap_or_default();
        let link = only_link(value);
        let size = u64::try_from(value.len()).unwrap_or(u64::MAX);
        let truncated = DeadLetterHeaders::truncated_bytes(&raw.headers);
        let mut letter = Self {
            failed_at: raw.written_at_ms.and_then(|at| Timestamp::from_millisecond(at).ok()),
            class: None,
            attempts: None,
            document_id: None,
            request_id: headers.request.map(|(request_id, _)| request_id),
            origin: None,
            raw: link.is_none().then(|| raw_text(value)),
            link,
            error: None,
            replays: DeadLetterHeaders::replays(&raw.headers),
            // A dead letter that lost only headers has its complete value.
            truncated: truncated.filter(|bytes| *bytes != size),
            partition: raw.partition,
            offset: raw.offset,
        };
        if let Some(reason) = reason {
            // The headers of a record that could not be read do not name its link.
            let identity = match reason.class {
                ErrorClass::Malformed => None,
                _ => headers.link_identity(0, 1),
            };
            letter.origin = Some(reason.origin.to_string());
            let identity =
                identity.unwrap_or(LinkIdentity::OfRecord { origin: reason.origin, index: 0 });
            letter.document_id = Some(identity.document_id());
            letter.failed_at = Some(reason.failed_at);
            letter.class = Some(reason.class);
            letter.attempts = Some(reason.attempts);
            letter.error = Some(reason.error);
        }
        letter
    }

    /// Returns what two dead letters of one link have in common. `None` for a record of another
    /// program, which could not be followed through a replay.
    pub fn identity(&self) -> Option<&str> {
        self.document_id.as_ref().map(DocumentId::as_str)
    }
}

/// Returns the link of a value with exactly one; linkrelay writes one link per dead letter.
fn only_link(value: &[u8]) -> Option<String> {
    let mut links = LinkMessage::decode(value).ok()?.links.into_iter();
    links.next().filter(|_| links.len() == 0)
}

#[cfg(test)]
pub(super) mod tests {
    use linkrelay_common::{Offset, Partition, RecordOrigin};

    use super::*;

    fn of_offset(offset: i64) -> RecordOrigin {
        let (partition, offset) = (Partition(2), Offset(offset));
        RecordOrigin { topic: "T".to_owned(), partition, offset, timestamp: 7 }
    }

    /// The headers of the dead letter at `offset`, given up in second `offset`, of the record at
    /// 1000 + `offset`.
    pub(in crate::dlq) fn reason(class: ErrorClass, offset: i64) -> DeadLetterHeaders {
        DeadLetterHeaders {
            class,
            error: "status 503".to_owned(),
            attempts: 5,
            origin: of_offset(1_000 + offset),
            failed_at: Timestamp::from_second(offset).unwrap(),
        }
    }

    pub(in crate::dlq) fn record(value: &[u8], headers: OwnedHeaders, offset: i64) -> RawLetter {
        RawLetter {
            partition: 0,
            offset,
            written_at_ms: Some(7_000),
            key: None,
            value: Some(value.to_vec()),
            headers,
            is_marked: false,
        }
    }

    /// A dead letter of one link without a request.
    pub(in crate::dlq) fn letter(class: ErrorClass, offset: i64) -> DeadLetter {
        let headers = reason(class, offset).add_to(&OwnedHeaders::new());
        DeadLetter::read(&record(b"https://youtu.be/5fR9AHlSDtc", headers, offset))
    }

    #[test]
    fn a_dead_letter_names_its_document() {
        let letter = letter(ErrorClass::Transient, 3);
        assert_eq!(letter.document_id, Some(DocumentId::of_record(&of_offset(1_003), 0)));
        assert_eq!(letter.identity(), Some("T:2:1003:7:0"));
        assert_eq!(letter.failed_at, Timestamp::from_second(3).ok());
        let request_id = RequestId::new(4);
        let own = RecordHeaders { request: Some((request_id, 3)), ..RecordHeaders::default() };
        let headers = reason(ErrorClass::Transient, 3).add_to(&own.to_kafka());
        let letter = DeadLetter::read(&record(br#"{"links":["youtu.be/x"]}"#, headers, 3));
        assert_eq!(letter.document_id, Some(DocumentId::of_request(request_id, 3)));
        assert_eq!(letter.request_id, Some(request_id));
        assert_eq!(letter.link.as_deref(), Some("youtu.be/x"));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_record_origin() {
        for value in [b"garbage \xff".as_slice(), b"", br#"{"links":["youtu.be/a","youtu.be/b"]}"#]
        {
            // The request in its headers does not count.
            let request = Some((RequestId::new(4), 3));
            let own = RecordHeaders { request, ..RecordHeaders::default() };
            let headers = reason(ErrorClass::Malformed, 3).add_to(&own.to_kafka());
            let letter = DeadLetter::read(&record(value, headers, 3));
            assert_eq!((letter.identity(), &letter.link), (Some("T:2:1003:7:0"), &None));
            assert!(letter.raw.is_some());
        }
    }

    #[test]
    fn a_record_of_another_program_has_only_what_kafka_knows_of_it() {
        let letter = DeadLetter::read(&record(b"youtu.be/x", OwnedHeaders::new(), 3));
        assert_eq!((letter.class, letter.identity()), (None, None));
        assert_eq!(letter.failed_at, Timestamp::from_second(7).ok());
    }

    #[test]
    fn a_truncated_value_differs_from_one_that_only_lost_headers() {
        let headers = reason(ErrorClass::Transient, 3).add_to(&OwnedHeaders::new());
        let truncated = |bytes| DeadLetterHeaders::truncated(&headers, bytes, 10_000);
        let read = |headers| DeadLetter::read(&record(b"youtu.be/x", headers, 3));
        assert_eq!(read(truncated(2_000_000)).truncated, Some(2_000_000));
        assert_eq!(read(truncated(10)).truncated, None);
        // Its identity is in the headers, so a truncated link does not change it.
        assert_eq!(read(truncated(2_000_000)).identity(), read(headers.clone()).identity());
    }
}
