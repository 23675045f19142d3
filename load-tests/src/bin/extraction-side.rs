//! One of the two processes of `bench extraction` (load-tests/README.md).

use clap::Parser;
use linkrelay_load_tests::extraction::{Side, run_side};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let side = Side::parse();
    linkrelay_telemetry::start_for_test();
    run_side(side).await
}
