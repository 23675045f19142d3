//! The replays in flight, which must not be published again.
//!
//! A replayed record has the number of its replays, and so has the dead letter that it may become.
//! The replay of a dead letter is therefore in flight as long as the topic of links has a record of
//! the same document with more replays, which the group has not committed, and from which the
//! failed document was not written.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use linkrelay_common::{DocumentId, LinkIdentity, Offset, Partition, RecordOrigin};
use linkrelay_kafka::{DeadLetterHeaders, LinkMessage, RecordHeaders};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::error::DlqError;
use super::letter::DeadLetter;
use super::topic_reader::TopicReader;

/// From this many records on, reading takes long, and the log says so.
const MANY_RECORDS: i64 = 100_000;

/// The newest replay of each document.
#[derive(Debug, Default)]
pub(crate) struct InFlight(HashMap<DocumentId, Sent>);

/// A replay.
#[derive(Debug, Clone)]
struct Sent {
    replays: u32,
    /// The origin of its record; unknown for a row.
    origin: Option<RecordOrigin>,
}

impl InFlight {
    /// Reads the records in the topic of links that the group has not committed. Blocks.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub(super) fn read(
        kafka: &KafkaSettings,
        group: &GroupSettings,
        stop: &CancellationToken,
    ) -> Result<Self, DlqError> {
        let asking = Asking::until_stopped(stop);
        let reader = TopicReader::open(kafka, &kafka.kafka_topic, asking)?;
        Self::from(&reader.uncommitted(kafka, group, asking)?, stop)
    }

    /// Like [`read`](Self::read), but returns `None` if there are more than `max` records.
    ///
    /// # Errors
    /// The same as of [`read`](Self::read).
    pub(crate) fn read_few(
        kafka: &KafkaSettings,
        group: &GroupSettings,
        max: i64,
        deadline: Instant,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, DlqError> {
        let asking = Asking::until(deadline, stop);
        let reader = TopicReader::open(kafka, &kafka.kafka_topic, asking)?;
        let reader = reader.uncommitted(kafka, group, asking)?;
        let is_few = reader.offsets_count() <= max;
        is_few.then(|| Self::from(&reader, stop)).transpose()
    }

    fn from(reader: &TopicReader, stop: &CancellationToken) -> Result<Self, DlqError> {
        let count = reader.offsets_count();
        if count > MANY_RECORDS {
            tracing::info!(count, "looking for replays among {count} records that are not done");
        }
        let mut in_flight = Self::default();
        reader.read(stop, |message| {
            if let Some((id, sent)) = replayed(message) {
                in_flight.add(id, sent);
            }
            Ok::<_, DlqError>(ControlFlow::Continue(()))
        })?;
        Ok(in_flight)
    }

    /// Adds the replay of a marked row.
    pub(super) fn add_marked(&mut self, letter: &DeadLetter) {
        if let Some(id) = &letter.document_id {
            let replays = letter.replays.saturating_add(1);
            self.add(id.clone(), Sent { replays, origin: None });
        }
    }

    /// Whether a replay of this dead letter is in flight. `failed_at` is the position of the record
    /// from which the failed document was written.
    pub(super) fn has(&self, letter: &DeadLetter, failed_at: Option<&RecordOrigin>) -> bool {
        let sent = letter.document_id.as_ref().and_then(|id| self.0.get(id));
        sent.is_some_and(|sent| {
            let is_decided = failed_at.is_some() && sent.origin.as_ref() == failed_at;
            sent.replays > letter.replays && !is_decided
        })
    }

    fn add(&mut self, id: DocumentId, sent: Sent) {
        let known = self.0.entry(id).or_insert_with(|| sent.clone());
        if known.replays < sent.replays {
            *known = sent;
        }
    }
}

/// Returns the document and the replay of a record, if it was replayed: the document of its first
/// link, or of the record if it cannot be read.
fn replayed(message: &BorrowedMessage<'_>) -> Option<(DocumentId, Sent)> {
    let headers = linkrelay_kafka::copy_readable(message.headers()?);
    let replays = DeadLetterHeaders::replays(&headers);
    if replays == 0 {
        return None;
    }
    let headers = RecordHeaders::read(&headers);
    let decoded = LinkMessage::decode(message.payload().unwrap_or_default());
    let identity = match decoded {
        Ok(_) => headers.link_identity(0, 1)?,
        Err(_) => LinkIdentity::OfRecord { origin: headers.origin?.0, index: 0 },
    };
    let at = RecordOrigin {
        topic: message.topic().to_owned(),
        partition: Partition(message.partition()),
        offset: Offset(message.offset()),
        timestamp: message.timestamp().to_millis().unwrap_or(0),
    };
    Some((identity.document_id(), Sent { replays, origin: Some(at) }))
}

#[cfg(test)]
mod tests {
    use linkrelay_common::ErrorClass;

    use super::super::letter::tests::letter;
    use super::*;

    fn origin(offset: i64) -> RecordOrigin {
        let (partition, offset) = (Partition(0), Offset(offset));
        RecordOrigin { topic: "T".to_owned(), partition, offset, timestamp: 1 }
    }

    #[test]
    fn a_replay_is_in_flight_until_its_outcome_is_known() {
        let first = letter(ErrorClass::Transient, 1);
        let again = DeadLetter { replays: 2, ..first.clone() };
        let other = letter(ErrorClass::Transient, 2);
        let mut in_flight = InFlight::default();
        let id = first.document_id.clone().unwrap();
        for (replays, offset) in [(1, 7), (2, 9), (1, 11)] {
            let sent = Sent { replays, origin: Some(origin(offset)) };
            in_flight.add(id.clone(), sent);
        }
        assert!(in_flight.has(&first, None) && in_flight.has(&first, Some(&origin(3))));
        // The replay wrote the failed document: it failed permanently, without a new dead letter.
        assert!(!in_flight.has(&first, Some(&origin(9))));
        // It has failed again, as the newer dead letter shows.
        assert!(!in_flight.has(&again, None));
        assert!(!in_flight.has(&other, None));
    }

    #[test]
    fn a_marked_row_is_in_flight() {
        let marked = letter(ErrorClass::Malformed, 1);
        let mut in_flight = InFlight::default();
        in_flight.add_marked(&marked);
        assert!(in_flight.has(&marked, Some(&origin(3))));
    }
}
