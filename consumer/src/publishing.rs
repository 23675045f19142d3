//! Where the records that a consumer itself writes go.
//!
//! By default they go to the topics of the settings. A program whose broker loses its data on exit
//! passes its own [`Publishing`].

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::Part;
use linkrelay_kafka::KafkaSettings;
use linkrelay_kafka::publish::{
    AppendExpanded, KafkaPublisher, KeepLetters, PublishResults, TopicAppend, TopicLetters,
    TopicResults,
};
use linkrelay_kafka::topic::TopicError;

/// How long a record of a list's video may wait for the broker before it is sent again.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes the videos of lists, dead letters, and results. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// Takes the videos of lists.
    pub append: Arc<dyn AppendExpanded>,
    /// Takes dead letters.
    pub letters: Arc<dyn KeepLetters>,
    /// Takes results; `None` for none.
    pub results: Option<Arc<dyn PublishResults>>,
}

impl Publishing {
    /// Publishes to the topics. `lists` does not work while the broker takes no videos.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub(crate) fn to_topics(kafka: &KafkaSettings, lists: Part) -> Result<Self, SettingsError> {
        let publisher = Arc::new(KafkaPublisher::new(kafka, APPEND_TIMEOUT)?);
        let append = Arc::new(TopicAppend::new(publisher, APPEND_TIMEOUT, lists));
        let results = match kafka.results_topic() {
            Some(topic) => Some(Arc::new(TopicResults::new(kafka, topic)?) as _),
            None => None,
        };
        Ok(Self { append, letters: Arc::new(TopicLetters::new(kafka)?), results })
    }

    /// Checks whether all can be published, to the extent that this is known without writing.
    ///
    /// # Errors
    /// [`TopicError`] of the first one that cannot.
    pub(crate) async fn check(&self) -> Result<(), TopicError> {
        self.append.check().await?;
        self.letters.check().await?;
        match &self.results {
            Some(results) => results.check().await,
            None => Ok(()),
        }
    }

    /// Returns why one of the clients will never work again; only a new process can then publish.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        let of_results = || self.results.as_ref().and_then(|results| results.fatal_error());
        self.append.fatal_error().or_else(|| self.letters.fatal_error()).or_else(of_results)
    }
}
