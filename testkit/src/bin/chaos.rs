//! The fault suite as a program: linkrelay under a load and a seeded schedule of faults.
//!
//! Figures go to stdout, a table and then one JSON line; everything else to stderr. Exit code 0:
//! every promise was kept; 1: something was lost, doubled or otherwise wrong, or the run could not
//! be done; 130: stopped by a signal.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use linkrelay_testkit::chaos::{self, ChaosSettings, Report};
use tokio::signal::unix::{SignalKind, signal};

/// Breaks everything that linkrelay depends on, and linkrelay itself, and counts what is left.
///
/// A broker or three, a store, a producer, up to three consumers and a YouTube that fails now and
/// then are started for this run alone. `cargo build --workspace --bins` and `make tools` come
/// first; the binaries are those in the folder of this one.
#[derive(Debug, Parser)]
#[command(name = "chaos", version)]
struct Arguments {
    #[command(flatten)]
    settings: ChaosSettings,
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

async fn run(Arguments { settings, keep_logs }: Arguments) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    tokio::select! {
        report = chaos::run(settings, &|line| eprintln!("{line}")) => print(report?, keep_logs),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot handle Ctrl-C")?;
            Ok(interrupted_code())
        }
        _ = terminate.recv() => Ok(interrupted_code()),
    }
}

/// Every process has been stopped by now, because the run was dropped.
fn interrupted_code() -> ExitCode {
    eprintln!("chaos: interrupted");
    ExitCode::from(130)
}

fn print(report: Report, keep_logs: bool) -> Result<ExitCode> {
    let has_passed = report.has_passed();
    let figures = report.figures.clone();
    if !has_passed {
        eprintln!("{}", report.text());
    }
    if keep_logs || !has_passed {
        eprintln!("the logs of all processes are in {}", report.keep()?.display());
    }
    print!("{figures}");
    println!("{}", serde_json::to_string(&figures)?);
    Ok(if has_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_long_run_can_be_asked_for() {
        let line = ["chaos", "--links", "100000", "--seed", "7", "--minutes", "10"];
        let settings = Arguments::parse_from(line).settings;
        assert_eq!((settings.links, settings.seed), (100_000, 7));
        assert_eq!(settings.span, Duration::from_secs(600));
        assert!(Arguments::try_parse_from(["chaos", "--minutes=-1"]).is_err());
    }
}
