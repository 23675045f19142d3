//! The embedded mode as one object: what the roles use, and the interfaces that they are given.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::Health;
use linkrelay_consumer::Publishing;
use linkrelay_kafka::KafkaSettings;
use linkrelay_kafka::publish::KafkaPublisher;
use linkrelay_producer::dlq::{LetterSource, Publisher};
use linkrelay_producer::{Producer, ProducerSettings, StartError};
use linkrelay_store::sqlite::SqliteStore;
use linkrelay_store::{Store, StoreSettings};

use crate::accept::JournaledAccept;
use crate::append::JournaledAppend;
use crate::broker::EmbeddedBroker;
use crate::error::EmbeddedError;
use crate::file_journal::SqliteJournal;
use crate::journal::Journal;
use crate::letters::RowLetters;
use crate::replays::Replays;
use crate::store::JournaledStore;

/// How long an attempt to publish the videos of a list may take.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The broker, the journal and the store of documents. It must outlive the roles.
#[derive(Debug)]
pub struct Embedded {
    kafka: KafkaSettings,
    /// The file with the journal and the dead letters, also if the documents are in MongoDB.
    file: Arc<SqliteStore>,
    journal: Arc<dyn Journal>,
    store: Arc<dyn Store>,
    _broker: EmbeddedBroker,
}

impl Embedded {
    /// Starts the broker and opens the SQLite file. A list is expanded into up to `expand_limit`
    /// videos. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`EmbeddedError`] if a setting is wrong, or if the broker does not start.
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
        let store: Arc<dyn Store> = if store.is_mongo() {
            Arc::new(JournaledStore { documents: store.open()?, file: Arc::clone(&file) })
        } else {
            Arc::clone(&file) as _
        };
        Ok(Self { kafka, file, journal, store, _broker: broker })
    }

    /// Returns the settings for clients of the broker.
    pub fn kafka(&self) -> &KafkaSettings {
        &self.kafka
    }

    /// Returns the store of documents; it removes a link from the journal when it writes the link's
    /// document.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Makes a producer that journals links before it publishes them.
    ///
    /// # Errors
    /// As for [`Producer::build`].
    pub async fn producer(&self, settings: ProducerSettings) -> Result<Producer, StartError> {
        settings.validate()?;
        let publisher = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout())?;
        let (journal, health) = (Arc::clone(&self.journal), Health::default());
        let timeout = settings.api.request_timeout;
        let accept = JournaledAccept::new(journal, Arc::new(publisher), timeout, &health);
        let producer = Producer::build_with(settings, self.store(), Box::new(accept), health);
        let rows = LetterSource::Rows(Arc::clone(&self.file));
        Ok(producer.await?.with_letters(rows))
    }

    /// Returns where consumers publish the videos of lists, and where they write dead letters.
    ///
    /// # Errors
    /// Fails if librdkafka refuses a setting, and names `KAFKA_CONFIG`.
    pub fn publishing(&self) -> Result<Publishing, SettingsError> {
        let publish = Arc::new(KafkaPublisher::new(&self.kafka, APPEND_TIMEOUT)?);
        let journal = Arc::clone(&self.journal);
        let append = JournaledAppend { journal, publish, timeout: APPEND_TIMEOUT };
        let letters = RowLetters { file: Arc::clone(&self.file) };
        Ok(Publishing { append: Arc::new(append), letters: Arc::new(letters), results: None })
    }

    /// Makes the task that replays the dead letters that `linkrelay dlq replay` has marked; it runs
    /// next to the consumers.
    pub fn replays(&self, publisher: Publisher) -> Replays {
        Replays::new(Arc::clone(&self.file), self.store(), publisher)
    }
}
