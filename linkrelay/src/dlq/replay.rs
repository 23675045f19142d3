//! `linkrelay dlq replay`.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use linkrelay_common::{SettingsError, shutdown};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_store::{LinkStore, StoreSettings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::check::{self, Rules, Verdict};
use super::filter::FilterArguments;
use super::form::Form;
use super::letter::DeadLetter;
use super::newest::NewestLetters;
use super::pages::{self, Candidate};
use super::publish::WayBack;
use super::reader::LetterReader;
use super::survey::Survey;
use super::tally::Tally;
use super::under_way::UnderWay;
use crate::exit::Outcome;
use crate::progress::Progress;

/// Which dead letters, and how.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Replay every dead letter, but for malformed ones
    #[arg(
        long,
        required_unless_present_any = ["classes", "since", "until", "request_id"],
        conflicts_with_all = ["classes", "since", "until", "request_id"]
    )]
    all: bool,

    #[command(flatten)]
    filter: FilterArguments,

    /// Show what would be replayed, and publish nothing
    #[arg(long)]
    dry_run: bool,

    /// Replay links even if their documents are stored, or the store cannot be asked
    #[arg(long)]
    no_store_check: bool,

    /// Leave links alone that were replayed so often and failed again each time
    #[arg(long, env = "DLQ_MAX_REPLAYS", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max_replays: u32,

    /// Dead letters published at once; an interrupt ends the replay after such a batch
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,

    #[command(flatten)]
    kafka: KafkaSettings,

    #[command(flatten)]
    group: GroupSettings,

    #[command(flatten)]
    store: StoreSettings,
}

pub(super) async fn run(arguments: ReplayArguments) -> anyhow::Result<Outcome> {
    arguments.validate()?;
    let stop = shutdown::on_signal().context("signals cannot be heard")?;
    let store = arguments.open_store().await?;
    let page_length = usize::from(arguments.batch);
    let is_embedded = arguments.kafka.kafka_brokers.is_none();
    let Prepared { way_back, reader, newest, tally, rules } = {
        let stop = stop.clone();
        tokio::task::spawn_blocking(move || prepare(&arguments, &stop)).await??
    };
    let total = newest.count();
    let (pages, reading) = pages::read(reader, newest, page_length, stop.clone());
    let mut replay = Replay::new(store, way_back, rules, tally, total);
    let ended = replay.run(pages, &stop).await;
    // A replay that ended early has dropped the pages, so the reading ends as well.
    let read = reading.await?;
    if is_embedded && replay.tally.replayed > 0 && replay.way_back.is_some() {
        eprintln!("`linkrelay up` publishes them: within a second if it runs, or when it starts");
    }
    let outcome = replay.conclude(&stop)?;
    ended.and(read).map(|()| outcome)
}

impl ReplayArguments {
    fn validate(&self) -> Result<(), SettingsError> {
        if self.kafka.kafka_topic == self.kafka.kafka_dlq_topic {
            return Err(SettingsError::new("KAFKA_DLQ_TOPIC", "must differ from KAFKA_TOPIC"));
        }
        self.filter.validate()
    }

    /// `None` if it is not to be asked.
    async fn open_store(&self) -> anyhow::Result<Option<Arc<dyn LinkStore>>> {
        if self.no_store_check {
            return Ok(None);
        }
        let store = tokio::task::block_in_place(|| self.store.open())?;
        let asked = "which links are stored by now (--no-store-check replays them all)";
        store.ping().await.context(asked)?;
        Ok(Some(store))
    }
}

/// What a replay begins with.
struct Prepared {
    /// `None`: only show.
    way_back: Option<WayBack>,
    reader: LetterReader,
    newest: NewestLetters,
    tally: Tally,
    rules: Rules,
}

/// Blocks. Whatever would hinder the replay is found before the letters are read.
fn prepare(arguments: &ReplayArguments, stop: &CancellationToken) -> anyhow::Result<Prepared> {
    let ReplayArguments { kafka, group, store, filter, max_replays, .. } = arguments;
    let way_back = if arguments.dry_run { None } else { Some(WayBack::open(kafka, store)?) };
    let survey = Survey::read(LetterReader::open(kafka, store)?, filter, stop)?;
    let Survey { reader, newest, tally, under_way: marked } = survey;
    let under_way = match kafka.kafka_brokers {
        Some(_) if newest.count() > 0 => UnderWay::read(kafka, group, stop)?,
        _ => marked,
    };
    let rules = Rules { under_way, max_replays: *max_replays };
    Ok(Prepared { way_back, reader, newest, tally, rules })
}

/// A replay under way.
struct Replay {
    store: Option<Arc<dyn LinkStore>>,
    /// `None`: only show.
    way_back: Option<WayBack>,
    rules: Rules,
    tally: Tally,
    /// How many dead letters are the newest of their documents.
    total: u64,
    progress: Option<Progress>,
}

impl Replay {
    fn new(
        store: Option<Arc<dyn LinkStore>>,
        way_back: Option<WayBack>,
        rules: Rules,
        tally: Tally,
        total: u64,
    ) -> Self {
        let progress = way_back.is_some().then(|| Progress::new("done", total));
        Self { store, way_back, rules, tally, total, progress }
    }

    /// Page by page; a stop is heard between two.
    async fn run(
        &mut self,
        mut pages: mpsc::Receiver<Vec<Candidate>>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if let Some(heading) = self.form().and_then(Form::heading) {
            writeln!(std::io::stdout(), "{heading}")?;
        }
        while !stop.is_cancelled()
            && let Some(page) = pages.recv().await
        {
            let page = self.undone(page).await?;
            match &self.way_back {
                Some(way_back) => {
                    let fates = way_back.send(&page).await;
                    self.count(&page, fates)?;
                }
                None => self.show(&page)?,
            }
            if let Some(progress) = &mut self.progress {
                progress.set(self.tally.done());
            }
        }
        Ok(())
    }

    /// Takes away what is done by now.
    async fn undone(&mut self, page: Vec<Candidate>) -> anyhow::Result<Vec<Candidate>> {
        let letters: Vec<&DeadLetter> = page.iter().map(|candidate| &candidate.letter).collect();
        let verdicts = check::verdicts(self.store.as_deref(), &self.rules, &letters).await?;
        let mut undone = Vec::with_capacity(page.len());
        for (candidate, verdict) in page.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Replay => undone.push(candidate),
                Verdict::Stored => self.tally.stored += 1,
                Verdict::Missing => self.tally.missing += 1,
                Verdict::UnderWay => self.tally.under_way += 1,
                Verdict::WornOut => self.tally.worn_out += 1,
                Verdict::Truncated => self.tally.truncated += 1,
            }
        }
        Ok(undone)
    }

    /// A record that is refused is named and left; when none of several is taken, the failure is
    /// not theirs.
    fn count(&mut self, page: &[Candidate], fates: Vec<anyhow::Result<()>>) -> anyhow::Result<()> {
        let mut last_error = None;
        let replayed_before = self.tally.replayed;
        for (candidate, fate) in page.iter().zip(fates) {
            match fate {
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
                Err(error.context("no letter can be sent back"))
            }
            _ => Ok(()),
        }
    }

    fn form(&self) -> Option<Form> {
        self.way_back.is_none().then(|| Form::of_stdout(false))
    }

    fn show(&mut self, page: &[Candidate]) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        for Candidate { letter, .. } in page {
            self.tally.replayed += 1;
            if let Some(form) = self.form() {
                writeln!(out, "{}", form.line(letter)?)?;
            }
        }
        Ok(())
    }

    /// Says what was done, and what was not.
    fn conclude(self, stop: &CancellationToken) -> anyhow::Result<Outcome> {
        let verb = if self.way_back.is_some() { "replayed" } else { "would replay" };
        if let Some(progress) = self.progress {
            progress.finish();
        }
        writeln!(std::io::stdout(), "{}", self.tally.line(verb))?;
        let left = self.total.saturating_sub(self.tally.done());
        if stop.is_cancelled() {
            eprintln!("interrupted; run it again for the {left} that are left");
            return Ok(Outcome::SomeFailed);
        }
        Ok(if self.tally.refused == 0 { Outcome::Done } else { Outcome::SomeFailed })
    }
}
