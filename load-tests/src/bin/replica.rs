//! One consumer process of `bench replicas` (load-tests/README.md).

use clap::Parser;
use linkrelay_load_tests::replicas::{Arguments, work};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    linkrelay_telemetry::start_for_test();
    work(&arguments).await
}
