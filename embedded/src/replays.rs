//! Publishes the dead letters of the embedded mode that `linkrelay dlq replay` has marked.
//!
//! A mark is removed only when the link has an outcome: it is stored, has failed permanently, or
//! was given up again, which a newer dead letter shows. So, no matter how the process ends, the
//! next start publishes a marked dead letter again, with the same identity.
//!
//! It must not know: the form in which a dead letter is published again, which the producer defines.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::{DocumentId, RecordOrigin};
use linkrelay_producer::dlq::Publisher;
use linkrelay_store::sqlite::SqliteStore;
use linkrelay_store::{KnownDocument, LinkState, LinkStore};
use tokio_util::sync::CancellationToken;

use crate::error::ReplaysError;

const INTERVAL: Duration = Duration::from_millis(500);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How much may be in flight: the broker drops its oldest records beyond 5 MiB in a partition, most
/// of which the journal may fill.
const MAX_LETTERS: usize = 500;
const MAX_BYTES: usize = 256 * 1_024;

/// Replays the marked dead letters.
pub struct Replays {
    file: Arc<SqliteStore>,
    documents: Arc<dyn LinkStore>,
    publisher: Publisher,
}

/// The dead letters that this process has published and that have no outcome yet, by position.
type InFlightLetters = BTreeMap<i64, PublishedLetter>;

struct PublishedLetter {
    bytes: usize,
    /// Its documents, each with the origin of its record when the dead letter was published.
    before: Vec<(DocumentId, Option<RecordOrigin>)>,
}

type KnownById = HashMap<DocumentId, KnownDocument>;

impl Replays {
    /// Makes the task for the dead letters in `file`, whose documents are in `documents`.
    pub(crate) fn new(
        file: Arc<SqliteStore>,
        documents: Arc<dyn LinkStore>,
        publisher: Publisher,
    ) -> Self {
        Self { file, documents, publisher }
    }

    /// Runs until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let mut in_flight = InFlightLetters::new();
        let mut pause = INTERVAL;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            // If this is dropped after a dead letter was published, the letter keeps its mark.
            let Some(done) = stop.run_until_cancelled(self.replay_marked(&mut in_flight)).await
            else {
                return;
            };
            pause = INTERVAL;
            if let Err(error) = done {
                tracing::warn!("marked dead letters are not replayed yet: {error}");
                pause = PAUSE_AFTER_FAILURE;
            }
        }
    }

    async fn replay_marked(&self, in_flight: &mut InFlightLetters) -> Result<(), ReplaysError> {
        let marked = self.file.letters_marked().await?;
        in_flight.retain(|position, _| marked.binary_search(position).is_ok());
        self.settle(in_flight).await?;
        for position in marked {
            let bytes: usize = in_flight.values().map(|letter| letter.bytes).sum();
            if in_flight.len() >= MAX_LETTERS || bytes >= MAX_BYTES {
                break;
            }
            if !in_flight.contains_key(&position) {
                self.publish(position, in_flight).await?;
            }
        }
        Ok(())
    }

    /// Removes the marks of the dead letters whose links have an outcome.
    async fn settle(&self, in_flight: &mut InFlightLetters) -> Result<(), ReplaysError> {
        let ids = in_flight.values().flat_map(|letter| &letter.before).map(|(id, _)| id.clone());
        let known = self.known(&ids.collect::<Vec<_>>()).await?;
        let decided: Vec<i64> = in_flight
            .iter()
            .filter(|(_, letter)| {
                letter.before.iter().all(|(id, origin)| is_decided(&known, id, origin))
            })
            .map(|(position, _)| *position)
            .collect();
        if !decided.is_empty() {
            self.file.letters_done(decided.clone()).await?;
        }
        in_flight.retain(|position, _| decided.binary_search(position).is_err());
        Ok(())
    }

    async fn publish(
        &self,
        position: i64,
        in_flight: &mut InFlightLetters,
    ) -> Result<(), ReplaysError> {
        let rows = self.file.letters_after(position - 1, 1).await?;
        let Some(row) = rows.into_iter().next().filter(|row| row.position == position) else {
            return Ok(());
        };
        let bytes = row.entry.value.len();
        let ids = Publisher::document_ids(&row);
        let known = self.known(&ids).await?;
        let is_stored = |id| known.get(id).is_some_and(|known| known.status != LinkState::Failed);
        if ids.iter().all(is_stored) {
            self.file.letters_done(vec![position]).await?;
            return Ok(());
        }
        self.publisher.publish_row(row).await?;
        let origin = |id: &DocumentId| known.get(id).and_then(|known| known.kafka.clone());
        let before = ids.iter().map(|id| (id.clone(), origin(id))).collect();
        in_flight.insert(position, PublishedLetter { bytes, before });
        Ok(())
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<KnownById, ReplaysError> {
        if ids.is_empty() {
            return Ok(KnownById::new());
        }
        let found = self.documents.known(ids).await?;
        Ok(found.into_iter().map(|document| (document.id.clone(), document)).collect())
    }
}

/// Whether a replay has an outcome: there is metadata, or a failed document of another record.
fn is_decided(known: &KnownById, id: &DocumentId, before: &Option<RecordOrigin>) -> bool {
    known.get(id).is_some_and(|known| known.status != LinkState::Failed || known.kafka != *before)
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::{Offset, Partition};

    use super::*;

    #[test]
    fn a_failed_document_ends_a_replay_only_if_it_is_of_another_record() {
        let id = DocumentId::from_stored("A".to_owned());
        let origin = |offset| {
            let (partition, offset) = (Partition(0), Offset(offset));
            Some(RecordOrigin { topic: "T".to_owned(), partition, offset, timestamp: 1 })
        };
        let known = |status, kafka| {
            KnownById::from([(id.clone(), KnownDocument { id: id.clone(), status, kafka })])
        };
        assert!(!is_decided(&KnownById::new(), &id, &None));
        assert!(!is_decided(&known(LinkState::Failed, origin(1)), &id, &origin(1)));
        assert!(is_decided(&known(LinkState::Failed, origin(2)), &id, &origin(1)));
        assert!(is_decided(&known(LinkState::Failed, origin(2)), &id, &None));
        assert!(is_decided(&known(LinkState::Stored, origin(1)), &id, &origin(1)));
    }
}
