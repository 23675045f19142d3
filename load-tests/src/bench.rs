//! The command line of the benchmarks, and what they share: how rounds are run and reported.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::machine::Machine;
use crate::measurement::{Measurement, Round};
use crate::{batch, drain, http, latency, memory, store};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Benchmark {
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

/// Measures linkrelay and what it is compared with, one right after the other, and prints both.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "bench", version)]
pub struct BenchSettings {
    /// Which benchmark
    #[arg(value_enum)]
    pub benchmark: Benchmark,

    /// One short round of each case: shows that all works, not how fast it is
    #[arg(long)]
    pub quick: bool,

    /// Rounds of each case; the median counts
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,

    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,

    /// A file of results; each case adds a JSON line
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
}

/// Runs the chosen benchmark, and prints what it measures.
///
/// # Errors
/// If a server does not start, or linkrelay fails.
pub async fn run(settings: &BenchSettings) -> Result<()> {
    let Machine { cpu_model, cpus, memory_mib, kernel } = Machine::describe();
    println!("{cpu_model}: {cpus} processors, {memory_mib} MiB, Linux {kernel}\n");
    let chosen = [settings.benchmark];
    let all = Benchmark::value_variants();
    for benchmark in if settings.benchmark == Benchmark::All { all } else { &chosen } {
        match benchmark {
            Benchmark::Drain => drain::run(settings).await?,
            Benchmark::Store => store::run(settings).await?,
            Benchmark::Memory => memory::run(settings).await?,
            Benchmark::Http => http::run(settings).await?,
            Benchmark::Batch => batch::run(settings).await?,
            Benchmark::Latency => latency::run(settings).await?,
            // It is the list itself.
            Benchmark::All => {}
        }
    }
    Ok(())
}

impl BenchSettings {
    /// Runs the rounds of a case, one after the other. `round` is given the index of each.
    ///
    /// # Errors
    /// Those of the first round that fails.
    pub(crate) async fn rounds(
        &self,
        mut round: impl AsyncFnMut(usize) -> Result<Round>,
    ) -> Result<Vec<Round>> {
        let mut rounds = Vec::new();
        for index in 0..if self.quick { 1 } else { self.rounds.max(1) } {
            rounds.push(round(index).await?);
        }
        Ok(rounds)
    }

    /// Returns how many of `count` things to do: all, or with `--quick` a tenth.
    pub(crate) fn scaled(&self, count: usize) -> usize {
        if self.quick { count / 10 } else { count }
    }

    /// Whether this case is to be run.
    pub(crate) fn includes(&self, case: &str) -> bool {
        self.only.as_deref().is_none_or(|text| case.contains(text))
    }

    /// Prints a measured case, and appends it to the file of results if there is one.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn report(&self, measurement: &Measurement) -> Result<()> {
        println!("{measurement}\n");
        match &self.results {
            Some(path) => measurement.append_to(path, &Machine::describe()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        BenchSettings::command().debug_assert();
    }
}
