//! `linkrelay dlq replay`: publishes dead letters again.

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
use super::in_flight::InFlight;
use super::letter::DeadLetter;
use super::newest::NewestLetters;
use super::pages::{self, Candidate};
use super::publish::ReplayTarget;
use super::reader::LetterReader;
use super::survey::Survey;
use super::tally::Tally;
use crate::exit::Outcome;
use crate::progress::Progress;

/// The dead letters to replay, and how.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Replay every dead letter except malformed ones
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
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let store = arguments.open_store().await?;
    let page_length = usize::from(arguments.batch);
    let is_embedded = arguments.kafka.kafka_brokers.is_none();
    let Prepared { target, reader, newest, tally, rules } = {
        let stop = stop.clone();
        tokio::task::spawn_blocking(move || prepare(&arguments, &stop)).await??
    };
    let total = newest.count();
    let (pages, reading) = pages::read(reader, newest, page_length, stop.clone());
    let mut replay = Replay::new(store, target, rules, tally, total);
    let ended = replay.run(pages, &stop).await;
    // A replay that ended early has dropped the pages, so the reading ends as well.
    let read = reading.await?;
    if is_embedded && replay.tally.replayed > 0 && replay.target.is_some() {
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

    /// Opens the store; `None` if it is not to be asked.
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

/// What a replay needs to begin.
struct Prepared {
    /// `None` if the replay only prints.
    target: Option<ReplayTarget>,
    reader: LetterReader,
    newest: NewestLetters,
    tally: Tally,
    rules: Rules,
}

/// Prepares a replay. All that would prevent it is found before the dead letters are read. Blocks.
fn prepare(arguments: &ReplayArguments, stop: &CancellationToken) -> anyhow::Result<Prepared> {
    let ReplayArguments { kafka, group, store, filter, max_replays, .. } = arguments;
    let target = if arguments.dry_run { None } else { Some(ReplayTarget::open(kafka, store)?) };
    let survey = Survey::read(LetterReader::open(kafka, store)?, filter, stop)?;
    let Survey { reader, newest, tally, in_flight: marked } = survey;
    let in_flight = match kafka.kafka_brokers {
        Some(_) if newest.count() > 0 => InFlight::read(kafka, group, stop)?,
        _ => marked,
    };
    let rules = Rules { in_flight, max_replays: *max_replays };
    Ok(Prepared { target, reader, newest, tally, rules })
}

/// A replay in progress.
struct Replay {
    store: Option<Arc<dyn LinkStore>>,
    /// `None` if the replay only prints.
    target: Option<ReplayTarget>,
    rules: Rules,
    tally: Tally,
    /// How many dead letters are the newest of their documents.
    total: u64,
    progress: Option<Progress>,
}

impl Replay {
    fn new(
        store: Option<Arc<dyn LinkStore>>,
        target: Option<ReplayTarget>,
        rules: Rules,
        tally: Tally,
        total: u64,
    ) -> Self {
        let progress = target.is_some().then(|| Progress::new("done", total));
        Self { store, target, rules, tally, total, progress }
    }

    /// Replays page by page, and may stop after each page.
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
            match &self.target {
                Some(target) => {
                    let sent = target.send(&page).await;
                    self.count(&page, sent)?;
                }
                None => self.show(&page)?,
            }
            if let Some(progress) = &mut self.progress {
                progress.set(self.tally.done());
            }
        }
        Ok(())
    }

    /// Removes the candidates that are not to be replayed.
    async fn undone(&mut self, page: Vec<Candidate>) -> anyhow::Result<Vec<Candidate>> {
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
            }
        }
        Ok(undone)
    }

    /// Counts the sent of a page. A record that is refused is named and skipped; if all of
    /// several are refused, the cause is not in the records.
    fn count(&mut self, page: &[Candidate], sent: Vec<anyhow::Result<()>>) -> anyhow::Result<()> {
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
                Err(error.context("no dead letter can be published"))
            }
            _ => Ok(()),
        }
    }

    fn form(&self) -> Option<Form> {
        self.target.is_none().then(|| Form::of_stdout(false))
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

    /// Reports what was replayed and what was not.
    fn conclude(self, stop: &CancellationToken) -> anyhow::Result<Outcome> {
        let verb = if self.target.is_some() { "replayed" } else { "would replay" };
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
