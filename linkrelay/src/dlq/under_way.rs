//! Which replays nothing came of yet: what is sent again meanwhile would only be asked twice.
//!
//! A replayed record says how often it was replayed, and so does the dead letter that comes of it.
//! So a letter's replay is under way as long as the topic of links has a record of the same
//! document that was replayed more often, that the group has not committed, and that the failed
//! document is not of.

use std::collections::HashMap;
use std::ops::ControlFlow;

use linkrelay_common::{DocumentId, LinkIdentity, Offset, Partition, RecordOrigin};
use linkrelay_kafka::{DeadLetterHeaders, LinkMessage, RecordHeaders};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use rdkafka::Message;
use rdkafka::message::BorrowedMessage;
use tokio_util::sync::CancellationToken;

use super::letter::DeadLetter;
use super::topic_reader::TopicReader;

/// Reading so many records takes a while, and is said.
const MANY_RECORDS: i64 = 100_000;

/// By document.
#[derive(Debug, Default)]
pub(super) struct UnderWay(HashMap<DocumentId, Sent>);

/// The newest replay of a document.
#[derive(Debug, Clone)]
struct Sent {
    replays: u32,
    /// Of a row it is not known.
    origin: Option<RecordOrigin>,
}

impl UnderWay {
    /// Reads what of the topic of links the group has not committed. Blocks.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub(super) fn read(
        kafka: &KafkaSettings,
        group: &GroupSettings,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let reader = TopicReader::open(kafka, &kafka.kafka_topic)?.uncommitted(kafka, group)?;
        let count = reader.offsets_count();
        if count > MANY_RECORDS {
            eprintln!("looking for replays among {count} records that are not done");
        }
        let mut under_way = Self::default();
        reader.read(stop, |message| {
            if let Some((id, sent)) = replayed(message) {
                under_way.add(id, sent);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(under_way)
    }

    /// The row of this letter is marked.
    pub(super) fn add_marked(&mut self, letter: &DeadLetter) {
        if let Some(id) = &letter.document_id {
            let replays = letter.replays.saturating_add(1);
            self.add(id.clone(), Sent { replays, origin: None });
        }
    }

    /// Whether a replay of this letter is. `failed_at` is where the record was that the failed
    /// document is of.
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

/// The document by which the letter of a record is known, if it was replayed: of one that cannot
/// be read, or of several links, the first.
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
    fn a_replay_is_under_way_until_something_came_of_it() {
        let first = letter(ErrorClass::Transient, 1);
        let again = DeadLetter { replays: 2, ..first.clone() };
        let other = letter(ErrorClass::Transient, 2);
        let mut under_way = UnderWay::default();
        let id = first.document_id.clone().unwrap();
        for (replays, offset) in [(1, 7), (2, 9), (1, 11)] {
            let sent = Sent { replays, origin: Some(origin(offset)) };
            under_way.add(id.clone(), sent);
        }
        assert!(under_way.has(&first, None) && under_way.has(&first, Some(&origin(3))));
        // Its failed document is the replay's own: it failed for good, without a new letter.
        assert!(!under_way.has(&first, Some(&origin(9))));
        // It has failed again, which the newer letter says.
        assert!(!under_way.has(&again, None));
        assert!(!under_way.has(&other, None));
    }

    #[test]
    fn a_marked_row_is_under_way() {
        let marked = letter(ErrorClass::Malformed, 1);
        let mut under_way = UnderWay::default();
        under_way.add_marked(&marked);
        assert!(under_way.has(&marked, Some(&origin(3))));
    }
}
