//! The command line of the benchmarks.

pub(crate) mod settings;

use anyhow::Result;
use clap::ValueEnum;

use crate::machine::Machine;
use crate::{
    batch, drain, export, extraction, http, keys, latency, memory, million, peers, reads, replicas,
    search, sizing, store, tables, tracing,
};
use settings::BenchSettings;

/// Measures linkrelay and what it is compared with, one right after the other, and prints both.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "bench", version)]
pub struct Arguments {
    /// Which benchmark
    #[arg(value_enum)]
    benchmark: Benchmark,

    #[command(flatten)]
    settings: BenchSettings,
}

/// What is measured.
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
    /// What API keys and limits cost: POSTs a second with a thousand keys against none
    Keys,
    /// Links a second in requests of 100 against a bare FutureProducer
    Batch,
    /// Links a second through the extractor, with the fake YouTube on a processor of its own
    Extraction,
    /// From POST to stored document at 50 a second
    Latency,
    /// Rows a second of an export of a million videos, and how long the statistics take
    Export,
    /// First pages of searches in a SQLite file of a million videos, and what the index costs writes
    Search,
    /// How long each route that reads takes, with a million videos in SQLite and 50,000 in MongoDB
    Reads,
    /// Links a second of 1, 2, 4 and 6 consumer processes, and what happens when one comes or goes
    Replicas,
    /// A million of everything: documents, links of a file, ten of records; and a hundred watchers
    Million,
    /// Confluent's Parallel Consumer and the MongoDB sink of Kafka Connect, on the same servers
    Peers,
    /// What a link costs, and what a number of links a day needs
    Sizing,
    /// What traces of one request in a hundred cost: POSTs and drained links a second, against none
    Tracing,
    /// Nothing: fills the tables in the docs from the files of results
    Tables,
    /// All of them
    All,
}

/// Runs the chosen benchmark, and prints what it measures.
///
/// # Errors
/// If a server does not start, or linkrelay fails.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { benchmark: chosen, settings } = arguments;
    if *chosen == Benchmark::Tables {
        return tables::write();
    }
    let Machine { cpu_model, cpus, memory_mib, kernel } = Machine::describe();
    println!("{cpu_model}: {cpus} processors, {memory_mib} MiB, Linux {kernel}\n");
    let is_chosen = |benchmark: &&Benchmark| [**benchmark, Benchmark::All].contains(chosen);
    for benchmark in Benchmark::value_variants().iter().filter(is_chosen) {
        match benchmark {
            Benchmark::Drain => drain::run(settings).await?,
            Benchmark::Store => store::run(settings).await?,
            Benchmark::Memory => memory::run(settings).await?,
            Benchmark::Http => http::run(settings).await?,
            Benchmark::Keys => keys::run(settings).await?,
            Benchmark::Batch => batch::run(settings).await?,
            Benchmark::Extraction => extraction::run(settings).await?,
            Benchmark::Latency => latency::run(settings).await?,
            Benchmark::Export => export::run(settings).await?,
            Benchmark::Search => search::run(settings).await?,
            Benchmark::Reads => reads::run(settings).await?,
            Benchmark::Replicas => replicas::run(settings).await?,
            Benchmark::Million => million::run(settings).await?,
            Benchmark::Peers => match peers::home() {
                Err(error) if *chosen == Benchmark::All => println!("peers: left out: {error:#}\n"),
                home => peers::run(settings, &home?).await?,
            },
            Benchmark::Sizing => sizing::run(settings).await?,
            Benchmark::Tracing => tracing::run(settings).await?,
            // They measure nothing.
            Benchmark::Tables | Benchmark::All => {}
        }
    }
    Ok(())
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
