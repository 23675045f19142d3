//! One attempt to write a record that must not be lost, and whether another attempt can help.

use linkrelay_common::ids::DocumentId;
use linkrelay_telemetry::spans;
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::types::RDKafkaErrorCode;

use super::producer::TopicProducer;

/// Why a record is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// It will never be accepted in this form; a smaller form may be.
    #[error("it is refused: {0}")]
    Refused(RDKafkaErrorCode),
    /// It may be accepted later.
    #[error("{0}")]
    NotNow(String),
}

impl TopicProducer {
    /// Makes one attempt to write a record about a document, as a part of the current span. Every
    /// in-sync replica has it when this returns `Ok`.
    ///
    /// # Errors
    /// [`WriteError`] if the record is not known to be written.
    ///
    /// # Cancel safety
    /// When dropped, the record may be written or not.
    pub async fn write(
        &self,
        document_id: &DocumentId,
        key: Option<&[u8]>,
        value: &[u8],
        headers: OwnedHeaders,
    ) -> Result<(), WriteError> {
        let span = spans::send_within(self.topic(), document_id);
        let acknowledged = match self.send(key, Some(value), headers, span) {
            Ok(acknowledgement) => acknowledgement.await,
            Err(code) => Err(code),
        };
        acknowledged.map_err(|code| self.write_error(code))
    }

    fn write_error(&self, code: RDKafkaErrorCode) -> WriteError {
        let topic = self.topic();
        match code {
            code if is_final(code) => WriteError::Refused(code),
            // If nothing else is in flight, the record itself is too large for the queue.
            RDKafkaErrorCode::QueueFull if self.in_flight_count() == 0 => WriteError::Refused(code),
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed => WriteError::NotNow(format!(
                "this user may not write to topic {topic} ({code}); allow it to"
            )),
            _ => WriteError::NotNow(format!(
                "topic {topic}: {}",
                KafkaError::MessageProduction(code)
            )),
        }
    }
}

/// Returns whether a record that was refused with this code is refused at every attempt.
fn is_final(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        InvalidMessage, InvalidMessageSize, InvalidRecord, MessageBatchTooLarge,
        MessageSizeTooLarge, PolicyViolation,
    };
    matches!(
        code,
        MessageSizeTooLarge
            | MessageBatchTooLarge
            | InvalidMessage
            | InvalidMessageSize
            | InvalidRecord
            | PolicyViolation
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_try_may_change_is_not_final() {
        for (code, expected) in [
            (RDKafkaErrorCode::MessageSizeTooLarge, true),
            (RDKafkaErrorCode::MessageBatchTooLarge, true),
            (RDKafkaErrorCode::InvalidRecord, true),
            (RDKafkaErrorCode::InvalidMessage, true),
            (RDKafkaErrorCode::PolicyViolation, true),
            (RDKafkaErrorCode::MessageTimedOut, false),
            (RDKafkaErrorCode::NotEnoughReplicas, false),
            (RDKafkaErrorCode::TopicAuthorizationFailed, false),
            (RDKafkaErrorCode::ClusterAuthorizationFailed, false),
            (RDKafkaErrorCode::UnknownTopicOrPartition, false),
            (RDKafkaErrorCode::KafkaStorageError, false),
            (RDKafkaErrorCode::InvalidTimestamp, false),
        ] {
            assert_eq!(is_final(code), expected, "{code}");
        }
    }
}
