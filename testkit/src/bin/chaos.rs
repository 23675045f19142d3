//! The fault suite as a program: linkrelay under a load and a seeded schedule of faults.
//!
//! Figures go to stdout, a table and then one JSON line; everything else to stderr. Exit code 0:
//! all is well; 1: something was lost, doubled or otherwise wrong, or the run could not be done;
//! 130: stopped by a signal.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use linkrelay_testkit::chaos::{self, Brokers, ChaosSettings, Protocol, Report};
use tokio::signal::unix::{SignalKind, signal};

/// Breaks everything that linkrelay stands on, and linkrelay itself, and counts what is left.
///
/// A broker or three, a store, a producer, up to three consumers and a YouTube that fails now and then
/// are started for this run alone. `cargo build --workspace --bins` and `make tools` come first;
/// the binaries are those beside this one.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Arguments {
    /// How many links are posted
    #[arg(long, default_value_t = 5_000)]
    links: usize,
    /// Decides about links, failures and faults; without it, one is made up and told
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults go on; the links are spread over it
    #[arg(long, default_value_t = 1.25)]
    minutes: f64,
    /// How the group shares its partitions
    #[arg(long, value_enum, default_value_t)]
    group_protocol: Protocol,
    /// Gives consumers fixed names in the group (static membership)
    #[arg(long)]
    static_members: bool,
    /// One Kafka broker, or three with three copies of everything, which fail in parts; a
    /// schedule takes at least 45 s with one, and 180 s with three
    #[arg(long, value_enum, default_value_t)]
    brokers: Brokers,
    /// Fails if more of a hundred links are extracted once more than they need
    #[arg(long, value_name = "PERCENT")]
    max_repeats: Option<f64>,
    /// Keeps the logs of all processes even if nothing is wrong
    #[arg(long)]
    keep_logs: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let settings = arguments.settings()?;
    let schedule = chaos::schedule(&settings);
    eprintln!("seed {}: {} links, {} faults", settings.seed, settings.links, schedule.faults.len());
    schedule.faults.iter().for_each(|planned| eprintln!("{planned}"));
    let mut terminate = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
    tokio::select! {
        report = chaos::run(settings, &|line| eprintln!("{line}")) => tell(report?, arguments.keep_logs),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot hear Ctrl-C")?;
            Ok(interrupted_code())
        }
        _ = terminate.recv() => Ok(interrupted_code()),
    }
}

/// What was started is stopped by now: the run was dropped.
fn interrupted_code() -> ExitCode {
    eprintln!("chaos: interrupted");
    ExitCode::from(130)
}

fn tell(report: Report, keeps_logs: bool) -> Result<ExitCode> {
    let is_well = report.is_well();
    let figures = report.figures.clone();
    if !is_well {
        eprintln!("{}", report.story());
    }
    if keeps_logs || !is_well {
        eprintln!("the logs of all processes are in {}", report.keep()?.display());
    }
    print!("{figures}");
    println!("{}", serde_json::to_string(&figures)?);
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    fn settings(&self) -> Result<ChaosSettings> {
        let span = Duration::try_from_secs_f64(self.minutes * 60.0).context("--minutes")?;
        Ok(ChaosSettings {
            seed: self.seed.unwrap_or_else(rand::random),
            links: self.links,
            span,
            protocol: self.group_protocol,
            has_static_members: self.static_members,
            brokers: self.brokers,
            max_repeats_percent: self.max_repeats,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_run_of_the_issue_s_size_can_be_asked_for() {
        let line = ["chaos", "--links", "100000", "--seed", "7", "--minutes", "10"];
        let settings = Arguments::parse_from(line).settings().unwrap();
        assert_eq!((settings.links, settings.seed), (100_000, 7));
        assert_eq!(settings.span, Duration::from_secs(600));
        let backwards = Arguments::parse_from(["chaos", "--minutes=-1"]);
        assert!(backwards.settings().is_err());
    }
}
