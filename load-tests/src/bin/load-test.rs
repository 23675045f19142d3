//! The two paths side by side (load-tests/README.md).
//!
//! The table goes to stdout, the rest to stderr. Exit code 0: answers and documents agree;
//! 1: they do not, or the comparison could not be made; 130: stopped by a signal.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use linkrelay_load_tests::comparison::{self, ComparisonSettings};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&ComparisonSettings::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("load-test: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &ComparisonSettings) -> Result<ExitCode> {
    linkrelay_common::telemetry::start_for_test();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say little. Use --release.");
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot receive SIGTERM")?;
    // What was started is stopped when the run is dropped.
    let comparison = tokio::select! {
        comparison = comparison::run(settings) => comparison?,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("cannot receive Ctrl-C")?;
            return Ok(interrupted_code());
        }
        _ = terminate.recv() => return Ok(interrupted_code()),
    };
    comparison.write(&settings.out)?;
    println!("{}", comparison.table());
    eprintln!("the report is in {}", settings.out.display());
    let disagreements = comparison.disagreements();
    disagreements.iter().for_each(|disagreement| eprintln!("load-test: {disagreement}"));
    Ok(if disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn interrupted_code() -> ExitCode {
    eprintln!("load-test: interrupted");
    ExitCode::from(130)
}
