//! Reads all dead letters that exist at the start, from their topic or from the rows of the
//! embedded mode.
//!
//! Everything here blocks, so it needs a thread for blocking work.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use linkrelay_store::StoreError;
use linkrelay_store::sqlite::SqliteStore;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::error::DlqError;
use super::letter::RawLetter;
use super::source::LetterSource;
use super::topic_reader::TopicReader;

/// Rows read at a time; one may be as large as a record.
pub(super) const PAGE_ROWS: u32 = 50;

/// A reader of all dead letters up to a fixed end.
pub struct LetterReader(Letters);

enum Letters {
    Topic(TopicReader),
    Rows { file: Arc<SqliteStore>, end: i64 },
}

impl LetterReader {
    /// Opens the topic or the file, and finds its end.
    ///
    /// # Errors
    /// If the topic does not exist, or the broker or file does not answer; [`DlqError::Stopped`]
    /// after a stop.
    pub fn open(source: &LetterSource, stop: &CancellationToken) -> Result<Self, DlqError> {
        let letters = match source {
            LetterSource::Topic(kafka) => {
                let asking = Asking::until_stopped(stop);
                Letters::Topic(TopicReader::open(kafka, &kafka.kafka_dlq_topic, asking)?)
            }
            LetterSource::Rows(file) => {
                let end = Handle::current().block_on(file.letters_end());
                let end = end.map_err(unreadable)?;
                Letters::Rows { file: Arc::clone(file), end }
            }
        };
        Ok(Self(letters))
    }

    /// Reads all dead letters in the order of each partition, until `stop` is cancelled or `take`
    /// breaks. It can be called again.
    ///
    /// # Errors
    /// If the broker or file cannot be read, or `take` fails.
    pub fn read<E: From<DlqError>>(
        &self,
        stop: &CancellationToken,
        mut take: impl FnMut(RawLetter) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        let (file, end) = match &self.0 {
            Letters::Topic(topic) => {
                return topic.read(stop, |message| take(RawLetter::of_record(message)));
            }
            Letters::Rows { file, end } => (file, *end),
        };
        let mut position = 0;
        while position < end && !stop.is_cancelled() {
            let page = Handle::current().block_on(file.letters_after(position, PAGE_ROWS));
            let page = page.map_err(unreadable)?;
            let Some(last) = page.last() else { break };
            position = last.position;
            for row in page.into_iter().take_while(|row| row.position <= end) {
                if take(RawLetter::of_row(row))?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

pub(super) fn unreadable(source: StoreError) -> DlqError {
    DlqError::Store { doing: "reading dead letters", source }
}

impl fmt::Debug for LetterReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterReader").finish_non_exhaustive()
    }
}
