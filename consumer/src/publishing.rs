//! Where a consumer's own records go: the one seam between it and what keeps them.
//!
//! A broker that keeps what it has acknowledged is given them as they are; a program whose broker
//! forgets gives a [`Publishing`] of its own.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::Part;
use linkrelay_kafka::KafkaSettings;
use linkrelay_kafka::publish::{
    AppendExpanded, KafkaPublisher, KeepLetters, TopicAppend, TopicLetters,
};
use linkrelay_kafka::topic::TopicError;

/// How long a record of a list's video may wait for the broker before it is tried again.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the videos of lists and dead letters safe. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// Takes the videos of lists.
    pub append: Arc<dyn AppendExpanded>,
    /// Takes dead letters.
    pub letters: Arc<dyn KeepLetters>,
}

impl Publishing {
    /// To the two topics. `lists` does not work while the broker takes no videos.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub(crate) fn to_topics(kafka: &KafkaSettings, lists: Part) -> Result<Self, SettingsError> {
        let publisher = Arc::new(KafkaPublisher::new(kafka, APPEND_TIMEOUT)?);
        let append = Arc::new(TopicAppend::new(publisher, APPEND_TIMEOUT, lists));
        Ok(Self { append, letters: Arc::new(TopicLetters::new(kafka)?) })
    }

    /// Asks whether both can be taken, as far as that can be known without writing.
    pub(crate) async fn check(&self) -> Result<(), TopicError> {
        self.append.check().await?;
        self.letters.check().await
    }

    /// Why one of the clients will never work again, if so; only a new process can.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        self.append.fatal_error().or_else(|| self.letters.fatal_error())
    }
}
