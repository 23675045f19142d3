//! Moves what is in the file of the embedded mode to MongoDB and Kafka.
//!
//! In reading order: `target` is where it goes, `documents` writes documents and requests into
//! MongoDB, `dead_letters` and `pending` publish the dead letters and what is left in the journal.
//!
//! Each part is moved page by page, and the file notes each page once it is acknowledged. So a move
//! can be killed at any time and run again: a document has its id, a link has the id of its
//! document, and a dead letter that may have arrived is looked for in its topic. Nothing is removed
//! from the file, which is closed instead.
//!
//! It must not know: how progress is shown.

mod dead_letters;
mod documents;
mod pending;
mod target;

use std::sync::Arc;

use jiff::Timestamp;
use linkrelay_common::{DocumentId, SettingsError};
use linkrelay_kafka::KafkaSettings;
use linkrelay_store::sqlite::{MoveCounts, MovePart, MoveProgress, SqliteStore};
use linkrelay_store::{Store, StoreSettings};

use crate::error::MigrationError;
use target::Target;

/// What is moved first, and what follows, in this order: a consumer that finds a pending link can
/// then see which documents are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationPhase {
    /// Documents, with the rows of their videos.
    Documents,
    /// The rows of requests.
    Requests,
    /// Dead letters.
    DeadLetters,
    /// Links that were accepted and have no outcome.
    Pending,
}

/// How much was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Documents that are in MongoDB.
    pub documents: u64,
    /// Those of them that were there before.
    pub documents_there: u64,
    /// Documents that cannot be read, or that MongoDB refuses; the log names each.
    pub documents_failed: u64,
    /// Rows of requests that are in MongoDB.
    pub requests: u64,
    /// Dead letters in their topic.
    pub dead_letters: u64,
    /// Links in the topic of links.
    pub pending: u64,
    /// Links in the journal that cannot be read; the log names each.
    pub pending_failed: u64,
}

impl MigrationReport {
    /// Whether something could not be moved.
    pub fn has_failures(&self) -> bool {
        self.documents_failed + self.pending_failed > 0
    }
}

/// Is told of a phase how much of how much is done.
pub type ObserveMigration<'a> = dyn FnMut(MigrationPhase, u64, u64) + Send + 'a;

/// A move of one folder.
#[derive(Debug)]
pub struct Migration {
    /// No other process has it open.
    file: Arc<SqliteStore>,
    documents: Arc<dyn Store>,
    target: Target,
    report: MigrationReport,
}

impl Migration {
    /// Opens the file, which no other process may use, and checks that both targets answer and that
    /// the topics exist. Changes nothing.
    ///
    /// # Errors
    /// [`MigrationError`] if a setting is wrong, the file is in use, or a target cannot be used.
    pub async fn open(
        store: &StoreSettings,
        kafka: &KafkaSettings,
    ) -> Result<Self, MigrationError> {
        let mongodb = store.mongodb_target()?.ok_or_else(|| {
            let problem = "must name the MongoDB to move to; without it, the documents would go to \
                the file that they are in";
            SettingsError::new("MONGODB_URI", problem)
        })?;
        if kafka.kafka_brokers.is_none() {
            let problem = "must name the Kafka to move to; without it, links would go to the \
                embedded broker, which `linkrelay up` has only while it runs";
            return Err(SettingsError::new("KAFKA_BROKERS", problem).into());
        }
        kafka.validate_topics()?;
        let path = store.sqlite_path();
        let of_file = |source| MigrationError::File { path: path.clone(), source };
        let file = tokio::task::block_in_place(|| SqliteStore::open_alone(&path));
        let file = Arc::new(file.map_err(of_file)?);
        let documents = store.open()?;
        let doing = "asking MongoDB";
        documents.ping().await.map_err(|source| MigrationError::Store { doing, source })?;
        let target = Target::ask(mongodb, kafka.clone()).await?;
        Ok(Self { file, documents, target, report: MigrationReport::default() })
    }

    /// Begins with the first document, request and pending link again, instead of where an earlier
    /// run has ended. Dead letters that were moved stay moved.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub async fn begin_again(&self) -> Result<(), MigrationError> {
        for part in [MovePart::Documents, MovePart::Requests, MovePart::Journal] {
            self.set_progress(part, MoveProgress::default()).await?;
        }
        Ok(())
    }

    /// Counts what is left to be moved.
    ///
    /// # Errors
    /// Fails if the file, or MongoDB, cannot be read.
    pub async fn left(&self) -> Result<MoveCounts, MigrationError> {
        let progress = [
            self.documents_progress().await?,
            self.progress(MovePart::Requests).await?,
            self.progress(MovePart::DeadLetters).await?,
            self.progress(MovePart::Journal).await?,
        ];
        self.file.count_to_move(progress).await.map_err(reading_file)
    }

    /// Moves everything that is left.
    ///
    /// # Errors
    /// [`MigrationError`] if a target fails, or refuses a record; another run goes on from there.
    ///
    /// # Cancel safety
    /// If it is dropped, another run goes on from there.
    pub async fn run(&mut self, observe: &mut ObserveMigration<'_>) -> Result<(), MigrationError> {
        let made = self.documents.ensure_schema().await;
        let doing = "making the collections of MongoDB";
        made.map_err(|source| MigrationError::Store { doing, source })?;
        let left = self.left().await?;
        let closed = self.file.close_for_move(self.target.to_string()).await;
        closed.map_err(writing_file)?;
        self.move_documents(left.documents, observe).await?;
        self.move_requests(left.requests, observe).await?;
        self.move_dead_letters(left.dead_letters, observe).await?;
        self.move_pending(left.pending, observe).await?;
        self.file.complete_move(Timestamp::now()).await.map_err(writing_file)
    }

    /// Returns how much this object has moved, also while or after [`run`](Self::run) has failed.
    pub fn report(&self) -> MigrationReport {
        self.report
    }

    async fn progress(&self, part: MovePart) -> Result<MoveProgress, MigrationError> {
        self.file.move_progress(self.target.of(part), part).await.map_err(reading_file)
    }

    /// Like `progress`, but from the beginning if the last document that was moved is not there:
    /// the database is another one, or older.
    async fn documents_progress(&self) -> Result<MoveProgress, MigrationError> {
        let progress = self.progress(MovePart::Documents).await?;
        if progress.after.is_empty() {
            return Ok(progress);
        }
        let last = DocumentId::from_stored(progress.after.clone());
        let known = self.documents.known(&[last]).await.map_err(|source| {
            MigrationError::Store { doing: "asking MongoDB which documents it has", source }
        })?;
        Ok(if known.is_empty() { MoveProgress::default() } else { progress })
    }

    async fn set_progress(
        &self,
        part: MovePart,
        progress: MoveProgress,
    ) -> Result<(), MigrationError> {
        let set = self.file.set_move_progress(self.target.of(part), part, progress).await;
        set.map_err(writing_file)
    }
}

/// Everything up to this id or position is moved.
fn moved_up_to(last: impl ToString) -> MoveProgress {
    MoveProgress { after: last.to_string(), in_flight: None }
}

fn reading_file(source: linkrelay_store::StoreError) -> MigrationError {
    MigrationError::Store { doing: "reading the folder", source }
}

fn writing_file(source: linkrelay_store::StoreError) -> MigrationError {
    MigrationError::Store { doing: "noting the progress in the folder", source }
}
