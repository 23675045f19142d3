//! One dead letter: what its headers and its value say.

use jiff::Timestamp;
use linkrelay_common::{
    DeadLetterHeaders, DocumentId, ErrorClass, LinkMessage, RecordHeaders, RequestId, copy_readable,
};
use rdkafka::Message;
use serde::Serialize;

use super::form::raw_text;

/// A record of the dead-letter topic. Its JSON form is a line of `dlq list --json`; what is not
/// known is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeadLetter {
    /// When the link was given up.
    pub(super) failed_at: Option<Timestamp>,
    /// Of the last error; null for a record that is no dead letter of ours.
    pub(super) class: Option<ErrorClass>,
    pub(super) attempts: Option<u32>,
    /// The link's document; null if the value is not one link.
    pub(super) document_id: Option<DocumentId>,
    pub(super) request_id: Option<RequestId>,
    /// Where the record first stood, as `topic:partition:offset:timestamp`.
    pub(super) origin: Option<String>,
    /// If the value is one link.
    pub(super) link: Option<String>,
    /// The value if it is none, short and safe to show.
    pub(super) raw: Option<String>,
    pub(super) error: Option<String>,
    /// Where the dead letter stands.
    pub(super) partition: i32,
    /// See `partition`.
    pub(super) offset: i64,
}

impl DeadLetter {
    pub(super) fn read(message: &impl Message) -> Self {
        let all = message.headers().map(copy_readable).unwrap_or_default();
        let (headers, reason) = (RecordHeaders::read(&all), DeadLetterHeaders::read(&all));
        let value = message.payload().unwrap_or_default();
        let link = only_link(value);
        let place = link.as_ref().and_then(|_| headers.link_place(0, 1));
        let written_at = message.timestamp().to_millis();
        let mut letter = Self {
            failed_at: written_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
            class: None,
            attempts: None,
            document_id: None,
            request_id: headers.place.map(|(request_id, _)| request_id),
            origin: None,
            raw: link.is_none().then(|| raw_text(value)),
            link,
            error: None,
            partition: message.partition(),
            offset: message.offset(),
        };
        if let Some(reason) = reason {
            letter.failed_at = Some(reason.failed_at);
            letter.class = Some(reason.class);
            letter.attempts = Some(reason.attempts);
            letter.document_id = place.map(|place| place.document_id());
            letter.origin = Some(reason.origin.to_string());
            letter.error = Some(reason.error);
        }
        letter
    }

    /// What two dead letters of one link have in common. `None` for a record that is no dead
    /// letter of ours, and that nobody could follow through a replay.
    pub(super) fn identity(&self) -> Option<&str> {
        self.document_id.as_ref().map(DocumentId::as_str).or(self.origin.as_deref())
    }
}

/// linkrelay writes one link per dead letter. With several, the value is shown as it is.
fn only_link(value: &[u8]) -> Option<String> {
    let mut links = LinkMessage::decode(value).ok()?.links.into_iter();
    links.next().filter(|_| links.len() == 0)
}

#[cfg(test)]
pub(super) mod tests {
    use linkrelay_common::RecordPlace;
    use rdkafka::Timestamp as WrittenAt;
    use rdkafka::message::{OwnedHeaders, OwnedMessage};

    use super::*;

    fn of_offset(offset: i64) -> RecordPlace {
        RecordPlace { topic: "T".to_owned(), partition: 2, offset, timestamp: 7 }
    }

    /// The dead letter at `offset`, given up in second `offset`, of the record at 1000 + `offset`.
    pub(in crate::dlq) fn reason(class: ErrorClass, offset: i64) -> DeadLetterHeaders {
        DeadLetterHeaders {
            class,
            error: "status 503".to_owned(),
            attempts: 5,
            origin: of_offset(1_000 + offset),
            failed_at: Timestamp::from_second(offset).unwrap(),
        }
    }

    pub(in crate::dlq) fn record(value: &[u8], headers: OwnedHeaders, offset: i64) -> OwnedMessage {
        let written_at = WrittenAt::CreateTime(7_000);
        let (value, topic) = (Some(value.to_vec()), "T.dlq".to_owned());
        OwnedMessage::new(value, None, topic, written_at, 0, offset, Some(headers))
    }

    /// Of one link, without a request.
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
        let own = RecordHeaders { place: Some((request_id, 3)), ..RecordHeaders::default() };
        let headers = reason(ErrorClass::Transient, 3).add_to(&own.to_kafka());
        let letter = DeadLetter::read(&record(br#"{"links":["youtu.be/x"]}"#, headers, 3));
        assert_eq!(letter.document_id, Some(DocumentId::of_request(request_id, 3)));
        assert_eq!(letter.request_id, Some(request_id));
        assert_eq!(letter.link.as_deref(), Some("youtu.be/x"));
    }

    #[test]
    fn what_cannot_be_read_has_an_origin_and_no_document() {
        for value in [b"rubbish \xff".as_slice(), b"", br#"{"links":["youtu.be/a","youtu.be/b"]}"#]
        {
            let headers = reason(ErrorClass::Malformed, 3).add_to(&OwnedHeaders::new());
            let letter = DeadLetter::read(&record(value, headers, 3));
            assert_eq!((&letter.document_id, &letter.link), (&None, &None));
            assert_eq!(letter.identity(), Some("T:2:1003:7"));
            assert!(letter.raw.is_some());
        }
    }

    #[test]
    fn a_stranger_s_record_has_only_what_kafka_knows_of_it() {
        let letter = DeadLetter::read(&record(b"youtu.be/x", OwnedHeaders::new(), 3));
        assert_eq!((letter.class, letter.identity()), (None, None));
        assert_eq!(letter.failed_at, Timestamp::from_second(7).ok());
    }
}
