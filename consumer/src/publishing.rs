//! Where the records that a consumer itself writes go.
//!
//! By default they go to the two topics. A program whose broker loses its data on exit passes its
//! own [`Publishing`].

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::Part;
use linkrelay_kafka::KafkaSettings;
use linkrelay_kafka::publish::{
    AppendExpanded, KafkaPublisher, KeepLetters, TopicAppend, TopicLetters,
};
use linkrelay_kafka::topic::TopicError;

/// How long a record of a list's video may wait for the broker before it is sent again.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes the videos of lists, and dead letters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// Takes the videos of lists.
    pub append: Arc<dyn AppendExpanded>,
    /// Takes dead letters.
    pub letters: Arc<dyn KeepLetters>,
}

impl Publishing {
    /// Publishes to the two topics. `lists` does not work while the broker takes no videos.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub(crate) fn to_topics(kafka: &KafkaSettings, lists: Part) -> Result<Self, SettingsError> {
        let publisher = Arc::new(KafkaPublisher::new(kafka, APPEND_TIMEOUT)?);
        let append = Arc::new(TopicAppend::new(publisher, APPEND_TIMEOUT, lists));
        Ok(Self { append, letters: Arc::new(TopicLetters::new(kafka)?) })
    }

    /// Checks whether both can be published, to the extent that this is known without writing.
    ///
    /// # Errors
    /// [`TopicError`] of the first one that cannot.
    pub(crate) async fn check(&self) -> Result<(), TopicError> {
        self.append.check().await?;
        self.letters.check().await
    }

    /// Returns why one of the clients will never work again; only a new process can then publish.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        self.append.fatal_error().or_else(|| self.letters.fatal_error())
    }
}
