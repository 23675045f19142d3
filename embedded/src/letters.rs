//! The dead letters of the embedded mode: rows of the SQLite file, because the broker inside the
//! process loses its dead-letter topic on exit.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_kafka::publish::{KeepLetters, Letter, WriteError};
use linkrelay_kafka::topic::TopicError;
use linkrelay_store::sqlite::{LetterEntry, SqliteStore};
use rdkafka::message::Headers;

/// Writes dead letters into the file.
#[derive(Debug)]
pub(crate) struct RowLetters {
    pub(crate) file: Arc<SqliteStore>,
}

#[async_trait]
impl KeepLetters for RowLetters {
    async fn keep(&self, letter: &Letter) -> Result<(), WriteError> {
        let headers = letter.headers.iter();
        let headers = headers
            .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
        let entry = LetterEntry {
            document_id: letter.document_id.clone(),
            key: letter.key.clone(),
            value: letter.value.clone(),
            headers: headers.collect(),
            written_at_ms: Timestamp::now().as_millisecond(),
        };
        let written = self.file.letter_append(entry).await;
        written.map_err(|error| WriteError::NotNow(error.to_string()))
    }

    /// The file is already watched, as the store or as the journal.
    async fn check(&self) -> Result<(), TopicError> {
        Ok(())
    }

    fn fatal_error(&self) -> Option<String> {
        None
    }

    /// Nothing is in flight, because each dead letter is awaited.
    async fn flush(&self, _timeout: Duration) {}
}
