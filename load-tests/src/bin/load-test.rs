//! The two paths side by side (load-tests/README.md).
//!
//! The table goes to stdout, everything else to stderr. Exit code 0: answers and documents agree;
//! 1: they do not, or the comparison could not be made; 130: stopped by a signal.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use linkrelay_common::shutdown;
use linkrelay_load_tests::comparison::{ComparisonSettings, run};
use linkrelay_telemetry::start_for_test;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let settings = ComparisonSettings::parse();
    start_for_test();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say little. Use --release.");
    }
    // What was started is stopped when the run is dropped.
    let running = shutdown::on_signal()?.run_until_cancelled_owned(run(&settings));
    let Some(comparison) = running.await else {
        eprintln!("load-test: interrupted");
        return Ok(ExitCode::from(130));
    };
    let comparison = comparison?;
    comparison.write(&settings.out)?;
    println!("{}", comparison.table());
    eprintln!("the report is in {}", settings.out.display());
    let disagreements = comparison.disagreements();
    disagreements.iter().for_each(|disagreement| eprintln!("load-test: {disagreement}"));
    Ok(if disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
