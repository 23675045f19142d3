//! Publishes dead letters, as they are in their rows, to the topic of dead letters. A replay that
//! was asked for and has no outcome is published again to the topic of links.
//!
//! Before a page is published, the file notes which rows are in flight. If the process is killed
//! then, the next run looks for them in the topic, and leaves out those that have arrived.

use std::collections::HashMap;
use std::ops::ControlFlow;

use linkrelay_kafka::publish::{KeepLetters, Letter, TopicLetters};
use linkrelay_producer::dlq::{DlqError, LetterReader, LetterSource, Publisher, RawLetter};
use linkrelay_store::sqlite::{LetterRow, MovePart, MoveProgress};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use tokio_util::sync::CancellationToken;

use super::{Migration, MigrationPhase, ObserveMigration, moved_up_to, reading_file};
use crate::error::MigrationError;

/// How many rows are in flight; one may be as large as a record.
const PAGE: u32 = 50;

/// What two equal dead letters have in common: key, value and headers.
type Content = (Vec<u8>, Vec<u8>, Vec<(String, Vec<u8>)>);

impl Migration {
    pub(super) async fn move_dead_letters(
        &mut self,
        total: u64,
        observe: &mut ObserveMigration<'_>,
    ) -> Result<(), MigrationError> {
        let letters = TopicLetters::new(&self.target.kafka)?;
        let mut replays = None;
        let mut progress = self.progress(MovePart::DeadLetters).await?;
        let mut done = 0;
        loop {
            let rows = self.file.letters_after(progress.position(), PAGE).await;
            let rows = rows.map_err(reading_file)?;
            let Some(last) = rows.last().map(|row| row.position) else { return Ok(()) };
            let mut arrived = self.arrived(&rows, &progress).await?;
            let in_flight = Some(last.to_string());
            let begun = MoveProgress { after: progress.after, in_flight };
            self.set_progress(MovePart::DeadLetters, begun).await?;
            for row in rows {
                if !take(&mut arrived, &content_of_row(&row)) {
                    publish(&letters, &row).await?;
                }
                self.report.dead_letters += 1;
                done += 1;
                if row.is_marked {
                    self.replay(&mut replays, row).await?;
                }
            }
            progress = moved_up_to(last);
            self.set_progress(MovePart::DeadLetters, progress.clone()).await?;
            observe(MigrationPhase::DeadLetters, done, total.max(done));
        }
    }

    /// Returns how often each of these rows is in the topic, if an earlier run may have published
    /// them.
    async fn arrived(
        &self,
        rows: &[LetterRow],
        progress: &MoveProgress,
    ) -> Result<HashMap<Content, usize>, MigrationError> {
        if progress.in_flight.is_none() {
            return Ok(HashMap::new());
        }
        let mut arrived: HashMap<Content, usize> =
            rows.iter().map(|row| (content_of_row(row), 0)).collect();
        let source = LetterSource::Topic(self.target.kafka.clone());
        let stop = CancellationToken::new();
        let reading_stop = stop.clone();
        // Ends the reading if this is dropped.
        let _stops = stop.drop_guard();
        let reading = tokio::task::spawn_blocking(move || {
            let reader = LetterReader::open(&source, &reading_stop)?;
            reader.read(&reading_stop, |letter| {
                if let Some(count) = arrived.get_mut(&content(letter)) {
                    *count += 1;
                }
                Ok::<_, DlqError>(ControlFlow::Continue(()))
            })?;
            Ok(arrived)
        });
        reading.await.map_err(|error| MigrationError::Ended(error.to_string()))?
    }

    async fn replay(
        &self,
        replays: &mut Option<Publisher>,
        row: LetterRow,
    ) -> Result<(), MigrationError> {
        let publisher = match replays.take() {
            Some(publisher) => publisher,
            None => tokio::task::block_in_place(|| Publisher::connect(&self.target.kafka))?,
        };
        let publisher = replays.insert(publisher);
        publisher.publish_row(row).await.map_err(MigrationError::Replay)
    }
}

async fn publish(letters: &TopicLetters, row: &LetterRow) -> Result<(), MigrationError> {
    let entry = &row.entry;
    let headers = entry.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let letter = Letter {
        document_id: entry.document_id.clone(),
        key: entry.key.clone(),
        value: entry.value.clone(),
        headers,
    };
    letters.keep(&letter).await.map_err(|source| MigrationError::DeadLetter {
        document_id: entry.document_id.clone(),
        source,
    })
}

/// Takes one of these contents off its count; `false` if the count is 0.
fn take(arrived: &mut HashMap<Content, usize>, content: &Content) -> bool {
    match arrived.get_mut(content) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

fn content_of_row(row: &LetterRow) -> Content {
    let entry = &row.entry;
    (entry.key.clone().unwrap_or_default(), entry.value.clone(), entry.headers.clone())
}

fn content(letter: RawLetter) -> Content {
    let headers = letter.headers.iter();
    let headers = headers
        .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
        .collect();
    (letter.key.unwrap_or_default(), letter.value.unwrap_or_default(), headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_dead_letters_are_left_out_as_often_as_they_have_arrived() {
        let content = |text: &str| (Vec::new(), text.as_bytes().to_vec(), Vec::new());
        let mut arrived = HashMap::from([(content("A"), 2), (content("B"), 0)]);
        let left_out = ["A", "A", "A", "B", "C"].map(|text| take(&mut arrived, &content(text)));
        assert_eq!(left_out, [true, true, false, false, false]);
    }
}
