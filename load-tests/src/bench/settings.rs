//! What the benchmarks share: how their rounds are run and reported.

use std::path::PathBuf;

use anyhow::Result;

use crate::machine::Machine;
use crate::measurement::{Measurement, Round};

/// How a benchmark is run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BenchSettings {
    /// One short round of each case: shows that all works, not how fast it is
    #[arg(long)]
    pub(crate) quick: bool,

    /// Rounds of each case; the median counts
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,

    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,

    /// A file of results; each case adds a JSON line
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
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
