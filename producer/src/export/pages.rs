//! Reads the pages of an export, one ahead of the client.
//!
//! A client that reads slowly holds at most two pages in memory: the one that it is sent, and the
//! next one. No transaction of the store outlives a page.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use linkrelay_common::metrics as names;
use linkrelay_store::videos::{VideoCursor, VideoQuery};
use linkrelay_store::{StoreError, VideoStore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::format::Format;
use crate::slots::{Kind, Slot, Slots, TooMany};

/// The videos of a page: some megabytes at most, and some milliseconds of the store.
pub(crate) const PAGE_VIDEOS: u32 = 500;

/// How exports are counted.
const EXPORTS: Kind = Kind {
    what: "exports",
    setting: "MAX_EXPORTS",
    gauge: names::EXPORTS,
    code: "too_many_exports",
};

/// Why there is no export, or no more of it.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("{0}")]
    TooMany(#[from] TooMany),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the store did not answer in time")]
    StoreTimeout,
    #[error("the server stops")]
    Stopping,
    #[error("a row cannot be written: {0}")]
    Unwritten(String),
}

/// What a client is sent.
#[derive(Debug)]
pub(crate) enum Step {
    /// Some rows, in the export's format.
    Rows(Bytes),
    /// There were this many rows, and there are no more.
    End {
        /// The rows of this answer.
        rows: u64,
    },
    /// The export breaks off.
    Broken {
        /// The reason.
        error: ExportError,
        /// Where the rest begins; `None` at the first row of all.
        after: Option<VideoCursor>,
    },
}

/// The exports of this process.
#[derive(Debug)]
pub(crate) struct Exports {
    store: Arc<dyn VideoStore>,
    page_timeout: Duration,
    slots: Arc<Slots>,
    stop: CancellationToken,
}

impl Exports {
    /// Serves at most `max` exports, which break off when `stop` is cancelled. A page may take
    /// `page_timeout`.
    pub(crate) fn new(
        store: Arc<dyn VideoStore>,
        page_timeout: Duration,
        max: usize,
        stop: CancellationToken,
    ) -> Self {
        Self { store, page_timeout, slots: Arc::new(Slots::new(EXPORTS, max)), stop }
    }

    /// Opens an export, with its first page, so that a store that cannot be read is an error here.
    ///
    /// # Errors
    /// [`ExportError`] if there are too many exports, or the first page cannot be read.
    pub(crate) async fn open(
        &self,
        query: VideoQuery,
        format: Format,
    ) -> Result<Export, ExportError> {
        let slot = self.slots.open()?;
        let after = query.after;
        let store = Arc::clone(&self.store);
        let reader = Arc::new(Reader { store, page_timeout: self.page_timeout, query, format });
        let reading = Arc::clone(&reader).page(after);
        let first = self.stop.run_until_cancelled(reading).await;
        let ahead = Ahead::Page(first.unwrap_or(Err(ExportError::Stopping))?);
        Ok(Export { reader, ahead, rows: 0, after, stop: self.stop.clone(), slot })
    }
}

/// One export in progress.
#[derive(Debug)]
pub(crate) struct Export {
    reader: Arc<Reader>,
    ahead: Ahead,
    rows: u64,
    after: Option<VideoCursor>,
    stop: CancellationToken,
    slot: Slot,
}

/// What follows.
#[derive(Debug)]
enum Ahead {
    Page(Page),
    Reading(AbortOnDropHandle<Result<Page, ExportError>>),
    End,
    /// The last step was made.
    Over,
}

impl Export {
    /// Returns what the client is sent next; `None` after the end, and after the break.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        loop {
            let page = match std::mem::replace(&mut self.ahead, Ahead::Over) {
                Ahead::Page(page) => Ok(page),
                Ahead::Reading(reading) => self.read(reading).await,
                Ahead::End => return Some(Step::End { rows: self.rows }),
                Ahead::Over => return None,
            };
            self.slot.measure();
            let page = match page {
                Ok(page) => page,
                Err(error) => return Some(Step::Broken { error, after: self.after }),
            };
            self.rows += page.rows;
            self.after = page.next.or(self.after);
            self.ahead = match page.next {
                Some(next) => {
                    let reading = Arc::clone(&self.reader).page(Some(next));
                    Ahead::Reading(AbortOnDropHandle::new(tokio::spawn(reading)))
                }
                None => Ahead::End,
            };
            // A page of which the filter selects nothing is no step.
            if !page.bytes.is_empty() {
                return Some(Step::Rows(page.bytes));
            }
        }
    }

    async fn read(
        &self,
        reading: AbortOnDropHandle<Result<Page, ExportError>>,
    ) -> Result<Page, ExportError> {
        match self.stop.run_until_cancelled(reading).await {
            Some(Ok(page)) => page,
            Some(Err(panic)) => Err(ExportError::Unwritten(panic.to_string())),
            None => Err(ExportError::Stopping),
        }
    }
}

/// A page, written in the format of its export.
#[derive(Debug)]
struct Page {
    bytes: Bytes,
    rows: u64,
    next: Option<VideoCursor>,
}

/// How the pages of one export are read.
#[derive(Debug)]
struct Reader {
    store: Arc<dyn VideoStore>,
    page_timeout: Duration,
    query: VideoQuery,
    format: Format,
}

impl Reader {
    async fn page(self: Arc<Self>, after: Option<VideoCursor>) -> Result<Page, ExportError> {
        let query = VideoQuery { after, ..self.query.clone() };
        let page = timeout(self.page_timeout, self.store.videos(&query)).await;
        let page = page.map_err(|_| ExportError::StoreTimeout)??;
        let (rows, next) = (page.videos.len() as u64, page.next);
        // Some milliseconds, for which the runtime's threads have other work.
        let writing = tokio::task::spawn_blocking(move || {
            self.format.rows(page.videos, query.order).map(Bytes::from)
        });
        let written = writing.await.map_err(|panic| ExportError::Unwritten(panic.to_string()))?;
        let bytes = written.map_err(|error| ExportError::Unwritten(error.to_string()))?;
        Ok(Page { bytes, rows, next })
    }
}
