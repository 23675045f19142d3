//! The benchmarks of linkrelay (load-tests/README.md).

use clap::Parser;
use linkrelay_load_tests::bench::{self, Arguments};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    linkrelay_telemetry::start_for_test();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say nothing. Use --release.");
    }
    bench::run(&arguments).await
}
