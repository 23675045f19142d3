//! `linkrelay migrate`: moves what is in the folder of `linkrelay up` to MongoDB and Kafka.

use std::io::Write;

use anyhow::Context;
use clap::Args;
use linkrelay_common::shutdown;
use linkrelay_embedded::Migration;
use linkrelay_embedded::migration::MigrationPhase;
use linkrelay_kafka::KafkaSettings;
use linkrelay_store::StoreSettings;

use crate::data_dir;
use crate::exit::Outcome;
use crate::progress::Progress;

/// From where, and to where.
#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    /// Only count what there is to move, and see that both targets can be used
    #[arg(long)]
    dry_run: bool,

    /// Begin with the first document and pending link again, instead of where an earlier run ended
    #[arg(long)]
    again: bool,

    #[command(flatten)]
    store: StoreSettings,

    #[command(flatten)]
    kafka: KafkaSettings,
}

pub(crate) async fn run(arguments: MigrateArguments) -> anyhow::Result<Outcome> {
    let MigrateArguments { dry_run, again, store, kafka } = arguments;
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    data_dir::check(&store, "whose contents are to be moved")?;
    let Some(opened) = stop.run_until_cancelled(Migration::open(&store, &kafka)).await else {
        eprintln!("interrupted; nothing is moved");
        return Ok(Outcome::SomeFailed);
    };
    let mut migration = opened?;
    if again && !dry_run {
        migration.begin_again().await?;
    }
    if dry_run {
        let left = migration.left().await?;
        writeln!(
            std::io::stdout(),
            "to move: documents {}, requests {}, dead letters {}, pending links {}",
            left.documents,
            left.requests,
            left.dead_letters,
            left.pending
        )?;
        return Ok(Outcome::Done);
    }
    let mut progress = PhaseProgress::default();
    let mut observe = |phase, done, total| progress.show(phase, done, total);
    let ended = stop.run_until_cancelled(migration.run(&mut observe)).await;
    progress.finish();
    conclude(&migration, &store, ended.map(|ended| ended.map_err(anyhow::Error::from)))
}

/// Reports what was moved; `ended` is `None` after an interrupt.
fn conclude(
    migration: &Migration,
    store: &StoreSettings,
    ended: Option<anyhow::Result<()>>,
) -> anyhow::Result<Outcome> {
    let report = migration.report();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "moved: documents {} ({} were there), requests {}, dead letters {}, pending links {}",
        report.documents,
        report.documents_there,
        report.requests,
        report.dead_letters,
        report.pending
    )?;
    if report.has_failures() {
        writeln!(
            out,
            "not moved: documents {}, pending links {}; the log names each. After a fix, run it \
             with --again",
            report.documents_failed, report.pending_failed
        )?;
    }
    match ended {
        Some(Ok(())) => {
            let data_dir = store.data_dir.display();
            writeln!(
                out,
                "start linkrelay with this MONGODB_URI and KAFKA_BROKERS; {data_dir} is closed"
            )?;
            Ok(if report.has_failures() { Outcome::SomeFailed } else { Outcome::Done })
        }
        Some(Err(error)) => {
            eprintln!("not complete; the same command goes on where this one ended");
            Err(error)
        }
        None => {
            eprintln!("interrupted; the same command goes on where this one ended");
            Ok(Outcome::SomeFailed)
        }
    }
}

/// A bar for each phase, one after the other.
#[derive(Default)]
struct PhaseProgress(Option<(MigrationPhase, Progress)>);

impl PhaseProgress {
    fn show(&mut self, phase: MigrationPhase, done: u64, total: u64) {
        if self.0.as_ref().is_none_or(|(shown, _)| *shown != phase) {
            self.finish();
        }
        let (_, progress) =
            self.0.get_or_insert_with(|| (phase, Progress::new(name_of(phase), total)));
        progress.set_total(total);
        progress.set(done);
    }

    fn finish(&mut self) {
        if let Some((_, progress)) = self.0.take() {
            progress.finish();
        }
    }
}

fn name_of(phase: MigrationPhase) -> &'static str {
    match phase {
        MigrationPhase::Documents => "documents",
        MigrationPhase::Requests => "requests",
        MigrationPhase::DeadLetters => "dead letters",
        MigrationPhase::Pending => "pending",
    }
}
