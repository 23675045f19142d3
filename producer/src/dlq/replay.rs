//! A replay: publishes dead letters again.

use std::sync::Arc;
use std::{fmt, io};

use linkrelay_kafka::GroupSettings;
use linkrelay_store::LinkStore;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::check::{self, Rules, Verdict};
use super::error::DlqError;
use super::filter::LetterFilter;
use super::in_flight::InFlight;
use super::letter::DeadLetter;
use super::pages::{self, Candidate};
use super::publish::ReplayTarget;
use super::reader::LetterReader;
use super::source::LetterSource;
use super::survey::Survey;
use super::tally::Tally;

/// What to replay, and how.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Which dead letters.
    pub filter: LetterFilter,
    /// The group of the consumers, whose commits show which replays are in flight.
    pub group: GroupSettings,
    /// A link that was replayed so often is left alone.
    pub max_replays: u32,
    /// How many dead letters are published at once; a stop ends the replay after such a page.
    pub page_length: usize,
    /// How many dead letters it may find: it keeps some 200 bytes of each in memory.
    pub max_letters: u64,
    /// Whether to publish nothing.
    pub dry_run: bool,
}

/// Receives what a replay does.
pub trait Observe: Send {
    /// A page is complete; these are the counts since the beginning.
    fn progressed(&mut self, tally: &Tally);

    /// Nothing is published, but this dead letter would be.
    ///
    /// # Errors
    /// If the replay is to end.
    fn would_replay(&mut self, letter: &DeadLetter) -> io::Result<()>;
}

/// A replay that can begin: nothing is published yet.
pub struct Replay {
    store: Option<Arc<dyn LinkStore>>,
    /// `None` if the replay publishes nothing.
    target: Option<ReplayTarget>,
    rules: Rules,
    tally: Tally,
    /// How many dead letters are the newest of their documents.
    total: u64,
    pages: mpsc::Receiver<Vec<Candidate>>,
    reading: JoinHandle<Result<(), DlqError>>,
}

impl Replay {
    /// Finds all that would prevent a replay, and reads which dead letters there are. Without a
    /// store, no document is looked up.
    ///
    /// # Errors
    /// If the topics or the file do not exist, or the broker does not answer; [`DlqError::Stopped`]
    /// if `stop` is cancelled before the broker was asked for all.
    pub async fn prepare(
        source: LetterSource,
        store: Option<Arc<dyn LinkStore>>,
        options: ReplayOptions,
        stop: CancellationToken,
    ) -> Result<Self, DlqError> {
        let page_length = options.page_length;
        let prepared = {
            let stop = stop.clone();
            tokio::task::spawn_blocking(move || prepare(&source, &options, &stop)).await??
        };
        let Prepared { target, survey, rules } = prepared;
        let Survey { reader, newest, tally, .. } = survey;
        let total = newest.count();
        let (pages, reading) = pages::read(reader, newest, page_length, stop);
        Ok(Self { store, target, rules, tally, total, pages, reading })
    }

    /// Returns how many dead letters are the newest of their documents, so that each of them is
    /// replayed or skipped.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Replays page by page, and may stop after each page. Returns the counts, and how it ended.
    pub async fn run(
        mut self,
        stop: &CancellationToken,
        observer: &mut impl Observe,
    ) -> (Tally, Result<(), DlqError>) {
        let ended = self.replay(stop, observer).await;
        // A replay that ended early has dropped the pages, so the reading ends as well.
        drop(self.pages);
        if let Some(target) = self.target.take() {
            // Joins librdkafka's threads, which blocks.
            tokio::task::spawn_blocking(move || drop(target)).await.ok();
        }
        let read = self.reading.await.map_err(DlqError::from).flatten();
        (self.tally, ended.and(read))
    }

    async fn replay(
        &mut self,
        stop: &CancellationToken,
        observer: &mut impl Observe,
    ) -> Result<(), DlqError> {
        while !stop.is_cancelled()
            && let Some(page) = self.pages.recv().await
        {
            let page = self.undone(page).await?;
            match &self.target {
                Some(target) => {
                    let sent = target.send(&page).await;
                    self.count(&page, sent)?;
                }
                None => {
                    for Candidate { letter, .. } in &page {
                        self.tally.replayed += 1;
                        observer.would_replay(letter)?;
                    }
                }
            }
            observer.progressed(&self.tally);
        }
        Ok(())
    }

    /// Removes the candidates that are not to be replayed.
    async fn undone(&mut self, page: Vec<Candidate>) -> Result<Vec<Candidate>, DlqError> {
        let letters: Vec<&DeadLetter> = page.iter().map(|candidate| &candidate.letter).collect();
        let verdicts = check::verdicts(self.store.as_deref(), &self.rules, &letters).await?;
        let mut undone = Vec::with_capacity(page.len());
        for (candidate, verdict) in page.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Replay => undone.push(candidate),
                Verdict::Stored => self.tally.stored += 1,
                Verdict::Missing => self.tally.missing += 1,
                Verdict::InFlight => self.tally.in_flight += 1,
                Verdict::WornOut => self.tally.worn_out += 1,
                Verdict::Truncated => self.tally.truncated += 1,
                Verdict::OtherCode => self.tally.other_code += 1,
            }
        }
        Ok(undone)
    }

    /// Counts the sent of a page. A record that is refused is named and skipped; if all of
    /// several are refused, the cause is not in the records.
    fn count(
        &mut self,
        page: &[Candidate],
        sent: Vec<Result<(), DlqError>>,
    ) -> Result<(), DlqError> {
        let mut last_error = None;
        let replayed_before = self.tally.replayed;
        for (candidate, result) in page.iter().zip(sent) {
            match result {
                Ok(()) => self.tally.replayed += 1,
                Err(error) => {
                    self.tally.refused += 1;
                    let identity = candidate.letter.identity().unwrap_or_default();
                    tracing::warn!(identity, %error, "a dead letter could not be published");
                    last_error = Some(error);
                }
            }
        }
        match last_error {
            Some(error) if self.tally.replayed == replayed_before && page.len() > 1 => {
                Err(DlqError::NonePublished(Box::new(error)))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, total, .. } = self;
        f.debug_struct("Replay").field("tally", tally).field("total", total).finish_non_exhaustive()
    }
}

/// What a replay needs to begin.
struct Prepared {
    target: Option<ReplayTarget>,
    survey: Survey,
    rules: Rules,
}

/// Prepares a replay. All that would prevent it is found before the dead letters are read. Blocks.
fn prepare(
    source: &LetterSource,
    options: &ReplayOptions,
    stop: &CancellationToken,
) -> Result<Prepared, DlqError> {
    let asking = Asking::until_stopped(stop);
    let target = if options.dry_run { None } else { Some(ReplayTarget::open(source, asking)?) };
    let reader = LetterReader::open(source, stop)?;
    let mut survey = Survey::read(reader, &options.filter, options.max_letters, stop)?;
    let in_flight = match source {
        LetterSource::Topic(kafka) if survey.newest.count() > 0 && !stop.is_cancelled() => {
            InFlight::read(kafka, &options.group, stop)?
        }
        _ => std::mem::take(&mut survey.in_flight),
    };
    let filter = options.filter.clone();
    let rules = Rules { in_flight, max_replays: options.max_replays, filter };
    Ok(Prepared { target, survey, rules })
}
