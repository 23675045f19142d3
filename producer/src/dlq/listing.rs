//! The newest dead letters with what the store knows of their links.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::with_causes;
use linkrelay_kafka::GroupSettings;
use linkrelay_store::Store;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::{error::Elapsed, timeout};
use tokio_util::sync::CancellationToken;

use super::check::{Checked, Rules, Verdict, checked};
use super::error::DlqError;
use super::filter::LetterFilter;
use super::in_flight::InFlight;
use super::letter::DeadLetter;
use super::page::{self, LetterCursor, LetterPage, LetterQuery};
use super::source::LetterSource;

/// How many lists are read at the same time; each needs clients of the broker and a thread.
const MAX_READS: usize = 2;
/// With more records that the group has not committed, replays in flight are not looked for.
const MAX_UNCOMMITTED: i64 = 10_000;
/// How long the documents may take; without them the list is answered nevertheless.
const DOCUMENTS_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads lists of dead letters.
#[derive(Debug)]
pub(crate) struct Listing {
    source: LetterSource,
    group: GroupSettings,
    store: Arc<dyn Store>,
    permits: Arc<Semaphore>,
    timeout: Duration,
}

/// A page of dead letters.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) letters: Vec<ListedLetter>,
    pub(crate) examined: usize,
    pub(crate) next: Option<LetterCursor>,
    /// Whether the store has answered.
    pub(crate) documents_known: bool,
    /// Whether it was looked for replays in flight.
    pub(crate) replays_known: bool,
}

/// A dead letter, with what its document says, if that is known.
#[derive(Debug)]
pub(crate) struct ListedLetter {
    pub(crate) letter: DeadLetter,
    pub(crate) checked: Option<Checked>,
}

/// Why no list is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("dead letters are being read for other clients")]
    Busy(#[from] TryAcquireError),
    #[error("the dead letters were not read in time; ask for fewer (limit)")]
    TooSlow(#[from] Elapsed),
    #[error(transparent)]
    Dlq(#[from] DlqError),
}

impl Listing {
    /// Makes it; a list may take `timeout`.
    pub(crate) fn new(
        source: LetterSource,
        group: GroupSettings,
        store: Arc<dyn Store>,
        timeout: Duration,
    ) -> Self {
        Self { source, group, store, permits: Arc::new(Semaphore::new(MAX_READS)), timeout }
    }

    /// Returns up to `limit` dead letters, the newest first.
    ///
    /// # Errors
    /// [`ListError`] if they cannot be read in time.
    pub(crate) async fn read(
        &self,
        filter: LetterFilter,
        after: Option<LetterCursor>,
        limit: usize,
    ) -> Result<Listed, ListError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned()?;
        let (source, group) = (self.source.clone(), self.group.clone());
        let begun = Instant::now();
        // Before the time of the answer, so that the thread ends with its list.
        let (until, deadline) = (begun + self.timeout / 2, begun + self.timeout * 9 / 10);
        let query = LetterQuery { filter: filter.clone(), after, limit, until, deadline };
        let stop = CancellationToken::new();
        // Ends the thread soon after its list is no longer awaited.
        let _guard = stop.clone().drop_guard();
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read_all(&source, &group, &query, &stop)
        });
        let read = timeout(self.timeout, reading).await?;
        let (page, in_flight) = read.map_err(DlqError::from)??;
        Ok(self.compared(page, in_flight, filter).await)
    }

    async fn compared(
        &self,
        page: LetterPage,
        in_flight: Option<InFlight>,
        filter: LetterFilter,
    ) -> Listed {
        let replays_known = in_flight.is_some();
        let in_flight = in_flight.unwrap_or_default();
        let rules = Rules { in_flight, max_replays: u32::MAX, filter };
        let LetterPage { letters, examined, next, .. } = page;
        let found: Vec<&DeadLetter> = letters.iter().collect();
        let looking = checked(self.store.as_ref(), &rules, &found);
        let compared = match timeout(DOCUMENTS_TIMEOUT, looking).await {
            Ok(Ok(compared)) => Some(compared),
            _ => None,
        };
        let documents_known = compared.is_some();
        let compared: Vec<Option<Checked>> = match compared {
            Some(compared) => compared.into_iter().map(Some).collect(),
            None => letters.iter().map(|_| None).collect(),
        };
        let is_other = |checked: &Option<Checked>| {
            checked.as_ref().map_or(!rules.filter.codes.is_empty(), |checked| {
                checked.verdict == Verdict::OtherCode
            })
        };
        let letters = letters.into_iter().zip(compared).filter(|(_, checked)| !is_other(checked));
        let letters = letters.map(|(letter, checked)| ListedLetter { letter, checked }).collect();
        Listed { letters, examined, next, documents_known, replays_known }
    }
}

/// Returns a page, and the replays in flight if there are not too many records to look at. Blocks.
fn read_all(
    source: &LetterSource,
    group: &GroupSettings,
    query: &LetterQuery,
    stop: &CancellationToken,
) -> Result<(LetterPage, Option<InFlight>), DlqError> {
    let mut page = page::read(source, query, stop)?;
    let in_flight = match source {
        LetterSource::Topic(_) if page.letters.is_empty() => Some(InFlight::default()),
        LetterSource::Topic(kafka) => {
            let read = InFlight::read_few(kafka, group, MAX_UNCOMMITTED, query.deadline, stop);
            read.unwrap_or_else(|error| {
                tracing::warn!("which replays are in flight is not known: {}", with_causes(&error));
                None
            })
        }
        LetterSource::Rows(_) => Some(std::mem::take(&mut page.marked)),
    };
    Ok((page, in_flight))
}
