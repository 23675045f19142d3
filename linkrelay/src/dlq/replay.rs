//! `linkrelay dlq replay`: publishes dead letters again.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use linkrelay_common::{SettingsError, shutdown};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_producer::dlq::{DeadLetter, Observe, Replay, ReplayOptions, Tally};
use linkrelay_store::{LinkStore, StoreSettings};
use linkrelay_telemetry::TraceSettings;
use tokio_util::sync::CancellationToken;

use super::filter::FilterArguments;
use super::form::Form;
use crate::SERVICE;
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

    #[command(flatten)]
    traces: TraceSettings,
}

pub(super) async fn run(arguments: ReplayArguments) -> anyhow::Result<Outcome> {
    arguments.validate()?;
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    let traces = arguments.traces.start(SERVICE)?;
    let outcome = replay(arguments, stop).await;
    traces.end().await;
    outcome
}

async fn replay(arguments: ReplayArguments, stop: CancellationToken) -> anyhow::Result<Outcome> {
    let store = arguments.open_store().await?;
    let source = tokio::task::block_in_place(|| super::source(&arguments.kafka, &arguments.store))?;
    let is_embedded = arguments.kafka.kafka_brokers.is_none();
    let is_dry = arguments.dry_run;
    let replay = Replay::prepare(source, store, arguments.options(), stop.clone()).await?;
    let total = replay.total();
    let mut output = Output::begin(is_dry, total)?;
    let (tally, ended) = replay.run(&stop, &mut output).await;
    if is_embedded && tally.replayed > 0 && !is_dry {
        eprintln!("`linkrelay up` publishes them: within a second if it runs, or when it starts");
    }
    let left = stop.is_cancelled().then(|| total.saturating_sub(tally.done()));
    let outcome = output.conclude(&tally, left)?;
    ended?;
    Ok(outcome)
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

    fn options(self) -> ReplayOptions {
        ReplayOptions {
            filter: self.filter.into(),
            group: self.group,
            max_replays: self.max_replays,
            page_length: usize::from(self.batch),
            max_letters: u64::MAX,
            dry_run: self.dry_run,
        }
    }
}

/// What the operator sees: the progress of a replay, or what it would publish.
struct Output {
    progress: Option<Progress>,
    form: Form,
}

impl Output {
    fn begin(is_dry: bool, total: u64) -> io::Result<Self> {
        let form = Form::of_stdout(false);
        if let Some(heading) = form.heading().filter(|_| is_dry) {
            writeln!(io::stdout(), "{heading}")?;
        }
        Ok(Self { progress: (!is_dry).then(|| Progress::new("done", total)), form })
    }

    /// Reports what was replayed and what was not; `left` are those of an interrupted replay.
    fn conclude(self, tally: &Tally, left: Option<u64>) -> anyhow::Result<Outcome> {
        let verb = if self.progress.is_some() { "replayed" } else { "would replay" };
        if let Some(progress) = self.progress {
            progress.finish();
        }
        writeln!(io::stdout(), "{}", tally.line(verb))?;
        if let Some(left) = left {
            eprintln!("interrupted; run it again for the {left} that are left");
            return Ok(Outcome::SomeFailed);
        }
        Ok(if tally.refused == 0 { Outcome::Done } else { Outcome::SomeFailed })
    }
}

impl Observe for Output {
    fn progressed(&mut self, tally: &Tally) {
        if let Some(progress) = &mut self.progress {
            progress.set(tally.done());
        }
    }

    fn would_replay(&mut self, letter: &DeadLetter) -> io::Result<()> {
        writeln!(io::stdout(), "{}", self.form.line(letter)?)
    }
}
