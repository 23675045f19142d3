//! Publishes the dead letters of the embedded mode that `linkrelay dlq replay` has marked.
//!
//! A mark goes only when the link is decided: stored, failed for good, or given up again, which
//! the newer letter says. So whatever ends the process, the next start publishes it again, under
//! the same identity.
//!
//! It must not know: the form in which a letter goes back to the topic, which is that of the
//! command.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::{DocumentId, RecordOrigin};
use linkrelay_store::sqlite::{LetterRow, SqliteStore};
use linkrelay_store::{LinkState, LinkStore};
use rdkafka::error::KafkaError;
use tokio_util::sync::CancellationToken;

use crate::error::ReplayError;

const INTERVAL: Duration = Duration::from_millis(500);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// What may be under way at once: the broker drops its oldest records beyond 5 MiB a partition,
/// most of which the journal may fill.
const MAX_LETTERS: usize = 500;
const MAX_BYTES: usize = 256 * 1_024;

/// How a dead letter goes back to the topic of links.
#[async_trait]
pub trait PublishLetter: Send + Sync {
    /// The documents of the links in a letter.
    fn document_ids(&self, row: &LetterRow) -> Vec<DocumentId>;

    /// Publishes what was given up; it is in the topic when this answers `Ok`.
    ///
    /// # Cancel safety
    /// When dropped, it may arrive.
    async fn publish_letter(&self, row: LetterRow) -> Result<(), KafkaError>;
}

/// Takes what is marked back into the pipeline.
pub struct Replays {
    file: Arc<SqliteStore>,
    documents: Arc<dyn LinkStore>,
    publish: Box<dyn PublishLetter>,
}

/// By position.
type UnderWay = BTreeMap<i64, Sent>;

/// A letter that this process has published.
struct Sent {
    bytes: usize,
    /// Its documents, and whose they were when it was published.
    before: Vec<(DocumentId, Option<RecordOrigin>)>,
}

/// Documents as they are now.
type Known = HashMap<DocumentId, (LinkState, Option<RecordOrigin>)>;

impl Replays {
    /// Of the letters in `file`, whose documents are in `documents`.
    pub(crate) fn new(
        file: Arc<SqliteStore>,
        documents: Arc<dyn LinkStore>,
        publish: Box<dyn PublishLetter>,
    ) -> Self {
        Self { file, documents, publish }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = UnderWay::new();
        let mut pause = INTERVAL;
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            // Dropped half-way, a letter is published and keeps its mark.
            let Some(turned) = stop.run_until_cancelled(self.turn(&mut under_way)).await else {
                return;
            };
            pause = INTERVAL;
            if let Err(error) = turned {
                tracing::warn!("marked dead letters are not replayed yet: {error}");
                pause = PAUSE_AFTER_FAILURE;
            }
        }
    }

    async fn turn(&self, under_way: &mut UnderWay) -> Result<(), ReplayError> {
        let marked = self.file.letters_marked().await?;
        under_way.retain(|position, _| marked.binary_search(position).is_ok());
        self.settle(under_way).await?;
        for position in marked {
            let bytes: usize = under_way.values().map(|sent| sent.bytes).sum();
            if under_way.len() >= MAX_LETTERS || bytes >= MAX_BYTES {
                break;
            }
            if !under_way.contains_key(&position) {
                self.publish(position, under_way).await?;
            }
        }
        Ok(())
    }

    /// Takes the marks off those that are decided.
    async fn settle(&self, under_way: &mut UnderWay) -> Result<(), ReplayError> {
        let ids = under_way.values().flat_map(|sent| &sent.before).map(|(id, _)| id.clone());
        let known = self.known(&ids.collect::<Vec<_>>()).await?;
        let decided: Vec<i64> = under_way
            .iter()
            .filter(|(_, sent)| {
                sent.before.iter().all(|(id, origin)| is_decided(&known, id, origin))
            })
            .map(|(position, _)| *position)
            .collect();
        if !decided.is_empty() {
            self.file.letters_done(decided.clone()).await?;
        }
        under_way.retain(|position, _| decided.binary_search(position).is_err());
        Ok(())
    }

    async fn publish(&self, position: i64, under_way: &mut UnderWay) -> Result<(), ReplayError> {
        let rows = self.file.letters_after(position - 1, 1).await?;
        let Some(row) = rows.into_iter().next().filter(|row| row.position == position) else {
            return Ok(());
        };
        let bytes = row.entry.value.len();
        let ids = self.publish.document_ids(&row);
        let known = self.known(&ids).await?;
        let is_stored =
            |id| matches!(known.get(id), Some((status, _)) if *status != LinkState::Failed);
        if ids.iter().all(is_stored) {
            self.file.letters_done(vec![position]).await?;
            return Ok(());
        }
        self.publish.publish_letter(row).await?;
        let origin = |id: &DocumentId| known.get(id).and_then(|(_, origin)| origin.clone());
        let before = ids.iter().map(|id| (id.clone(), origin(id))).collect();
        under_way.insert(position, Sent { bytes, before });
        Ok(())
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Known, ReplayError> {
        if ids.is_empty() {
            return Ok(Known::new());
        }
        let found = self.documents.known(ids).await?;
        Ok(found
            .into_iter()
            .map(|document| (document.id, (document.status, document.kafka)))
            .collect())
    }
}

/// Whether something came of a replay: there is metadata, or a failed document of another record.
fn is_decided(known: &Known, id: &DocumentId, before: &Option<RecordOrigin>) -> bool {
    match known.get(id) {
        None => false,
        Some((LinkState::Stored | LinkState::Expanded, _)) => true,
        Some((LinkState::Failed, origin)) => origin != before,
    }
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
    fn a_failed_document_decides_a_replay_only_if_it_is_another_record_s() {
        let id = DocumentId::from_stored("A".to_owned());
        let origin = |offset| {
            let (partition, offset) = (Partition(0), Offset(offset));
            Some(RecordOrigin { topic: "T".to_owned(), partition, offset, timestamp: 1 })
        };
        let known = |status, origin| Known::from([(id.clone(), (status, origin))]);
        assert!(!is_decided(&Known::new(), &id, &None));
        assert!(!is_decided(&known(LinkState::Failed, origin(1)), &id, &origin(1)));
        assert!(is_decided(&known(LinkState::Failed, origin(2)), &id, &origin(1)));
        assert!(is_decided(&known(LinkState::Failed, origin(2)), &id, &None));
        assert!(is_decided(&known(LinkState::Stored, origin(1)), &id, &origin(1)));
    }
}
