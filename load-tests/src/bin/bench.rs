//! The benchmarks of linkrelay (load-tests/README.md).

use clap::{Parser, ValueEnum};
use linkrelay_load_tests::{
    BenchSettings, batch, drain, http, latency, machine::Machine, memory, store,
};

/// Measures linkrelay and what it is compared with, one right after the other, and prints both.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[arg(value_enum)]
    benchmark: Benchmark,

    #[command(flatten)]
    settings: BenchSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// The consumer core against 64 in flight / latency
    Drain,
    /// Documents a second against a bare insert_many loop
    Store,
    /// Memory of a consumer with a lag of a million records
    Memory,
    /// Acknowledged POSTs a second against an axum no-op
    Http,
    /// Links a second in requests of 100 against a bare FutureProducer
    Batch,
    /// From POST to stored document at 50 a second
    Latency,
    /// All of them
    All,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { benchmark, settings } = Arguments::parse();
    linkrelay_common::telemetry::start_for_test();
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say nothing. Use --release.");
    }
    let Machine { cpu_model, cpus, memory_mib, kernel } = Machine::describe();
    println!("{cpu_model}: {cpus} processors, {memory_mib} MiB, Linux {kernel}\n");
    run(benchmark, &settings).await
}

async fn run(benchmark: Benchmark, settings: &BenchSettings) -> anyhow::Result<()> {
    match benchmark {
        Benchmark::Drain => drain::run(settings).await,
        Benchmark::Store => store::run(settings).await,
        Benchmark::Memory => memory::run(settings).await,
        Benchmark::Http => http::run(settings).await,
        Benchmark::Batch => batch::run(settings).await,
        Benchmark::Latency => latency::run(settings).await,
        Benchmark::All => {
            let all = Benchmark::value_variants().iter().filter(|each| **each != Benchmark::All);
            for each in all {
                Box::pin(run(*each, settings)).await?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
