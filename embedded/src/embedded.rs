//! The mode as one object: what the roles stand on, and the seams that they are given.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::Health;
use linkrelay_consumer::Publishing;
use linkrelay_kafka::KafkaSettings;
use linkrelay_kafka::publish::KafkaPublisher;
use linkrelay_producer::{Producer, ProducerSettings, StartError};
use linkrelay_store::sqlite::SqliteStore;
use linkrelay_store::{LinkStore, StoreSettings};

use crate::accept::JournaledAccept;
use crate::append::JournaledAppend;
use crate::broker::EmbeddedBroker;
use crate::error::EmbeddedError;
use crate::file_journal::SqliteJournal;
use crate::journal::Journal;
use crate::letters::RowLetters;
use crate::replays::{PublishLetter, Replays};
use crate::store::JournaledStore;

/// How long a record of a list's video may wait for the broker before it is tried again.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The broker, the journal, and where documents go. It must outlive the roles.
#[derive(Debug)]
pub struct Embedded {
    kafka: KafkaSettings,
    /// With the journal and the dead letters, whatever keeps the documents.
    file: Arc<SqliteStore>,
    journal: Arc<dyn Journal>,
    store: Arc<dyn LinkStore>,
    _broker: EmbeddedBroker,
}

impl Embedded {
    /// Starts the broker and opens the SQLite file. A list is expanded into up to `expand_limit`
    /// videos. Blocks for some milliseconds.
    ///
    /// # Errors
    /// A wrong setting, by name, or a broker that does not start.
    pub fn start(
        kafka: &KafkaSettings,
        store: &StoreSettings,
        expand_limit: u32,
    ) -> Result<Self, EmbeddedError> {
        if expand_limit > SqliteJournal::MAX_EXPAND_LIMIT {
            let most = SqliteJournal::MAX_EXPAND_LIMIT;
            let problem =
                format!("must be at most {most} with the embedded broker, which holds no more");
            return Err(SettingsError::new("EXPAND_LIMIT", problem).into());
        }
        let broker = EmbeddedBroker::start(kafka)?;
        let kafka = broker.settings(kafka.clone())?;
        let file = store.open_sqlite()?;
        let journal = Arc::new(SqliteJournal::new(Arc::clone(&file), expand_limit));
        let store: Arc<dyn LinkStore> = if store.is_mongo() {
            Arc::new(JournaledStore { documents: store.open()?, file: Arc::clone(&file) })
        } else {
            Arc::clone(&file) as _
        };
        Ok(Self { kafka, file, journal, store, _broker: broker })
    }

    /// The settings of its clients.
    pub fn kafka(&self) -> &KafkaSettings {
        &self.kafka
    }

    /// Where documents go; a link whose document is written leaves the journal.
    pub fn store(&self) -> Arc<dyn LinkStore> {
        Arc::clone(&self.store)
    }

    /// A producer that journals links before it publishes them.
    ///
    /// # Errors
    /// As [`Producer::build`].
    pub async fn producer(&self, settings: ProducerSettings) -> Result<Producer, StartError> {
        settings.validate()?;
        let publisher = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout())?;
        let (journal, health) = (Arc::clone(&self.journal), Health::default());
        let timeout = settings.api.request_timeout;
        let accept = JournaledAccept::new(journal, Arc::new(publisher), timeout, &health);
        Producer::build_with(settings, self.store(), Box::new(accept), health).await
    }

    /// Where consumers put the videos of lists and dead letters.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub fn publishing(&self) -> Result<Publishing, SettingsError> {
        let publisher = Arc::new(KafkaPublisher::new(&self.kafka, APPEND_TIMEOUT)?);
        let append = JournaledAppend::new(Arc::clone(&self.journal), publisher, APPEND_TIMEOUT);
        let letters = RowLetters { file: Arc::clone(&self.file) };
        Ok(Publishing { append: Arc::new(append), letters: Arc::new(letters) })
    }

    /// Replays of the dead letters that `linkrelay dlq replay` has marked; to be run beside the
    /// consumers.
    pub fn replays(&self, publish: Box<dyn PublishLetter>) -> Replays {
        Replays::new(Arc::clone(&self.file), self.store(), publish)
    }
}
