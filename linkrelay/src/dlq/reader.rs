//! Reads all dead letters that exist at the start, from their topic or, without `KAFKA_BROKERS`,
//! from the embedded mode's file.
//!
//! Everything here blocks, so it needs a thread for blocking work.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Context;
use linkrelay_kafka::KafkaSettings;
use linkrelay_store::StoreSettings;
use linkrelay_store::sqlite::SqliteStore;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::letter::RawLetter;
use super::topic_reader::TopicReader;
use crate::data_dir;

/// Rows read at a time; one may be as large as a record.
const PAGE_ROWS: u32 = 50;

/// The source of dead letters.
pub(super) enum LetterReader {
    Topic(TopicReader),
    Rows { file: Arc<SqliteStore>, end: i64 },
}

impl LetterReader {
    /// Opens the topic or the file, and finds its end.
    ///
    /// # Errors
    /// If the topic or file does not exist, or the broker does not answer.
    pub(super) fn open(kafka: &KafkaSettings, store: &StoreSettings) -> anyhow::Result<Self> {
        if kafka.kafka_brokers.is_some() {
            return Ok(Self::Topic(TopicReader::open(kafka, &kafka.kafka_dlq_topic)?));
        }
        let file = embedded_file(store)?;
        let end = Handle::current().block_on(file.letters_end()).context("reading dead letters")?;
        Ok(Self::Rows { file, end })
    }

    /// Reads all dead letters in the order of each partition, until `stop` is cancelled or `take`
    /// breaks. It can be called again.
    ///
    /// # Errors
    /// If the broker or file cannot be read, or `take` fails.
    pub(super) fn read(
        &self,
        stop: &CancellationToken,
        mut take: impl FnMut(RawLetter) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        let (file, end) = match self {
            Self::Topic(topic) => {
                return topic.read(stop, |message| take(RawLetter::of_record(message)));
            }
            Self::Rows { file, end } => (file, *end),
        };
        let mut position = 0;
        while position < end && !stop.is_cancelled() {
            let page = Handle::current().block_on(file.letters_after(position, PAGE_ROWS));
            let page = page.context("reading dead letters")?;
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

/// Opens the file that `up` without KAFKA_BROKERS has in DATA_DIR; does not make it.
pub(super) fn embedded_file(store: &StoreSettings) -> anyhow::Result<Arc<SqliteStore>> {
    data_dir::check(store, "or KAFKA_BROKERS for the dead letters of a broker")?;
    Ok(store.open_sqlite()?)
}
