//! The benchmarks of linkrelay (load-tests/README.md).

use clap::Parser;
use linkrelay_load_tests::bench::{self, BenchSettings};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = BenchSettings::parse();
    linkrelay_common::telemetry::start_for_test();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say nothing. Use --release.");
    }
    bench::run(&settings).await
}
