#![doc = include_str!("../README.md")]

pub mod batch;
pub mod comparison;
pub mod doubles;
pub mod drain;
pub mod http;
pub mod kafka;
pub mod latency;
pub mod machine;
pub mod measurement;
pub mod memory;
pub mod roles;
pub mod sample;
pub mod stats;
pub mod store;

use std::path::PathBuf;

use anyhow::Result;

use crate::machine::Machine;
use crate::measurement::Measurement;

/// How a benchmark is run.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchSettings {
    /// One short round of each case: shows that all works, not how fast it is
    #[arg(long, global = true)]
    pub quick: bool,

    /// Rounds of each case; the median counts
    #[arg(long, global = true, default_value_t = 3)]
    pub rounds: usize,

    /// Only cases whose name contains this
    #[arg(long, global = true, value_name = "TEXT")]
    pub only: Option<String>,

    /// A file of results; each case adds a JSON line
    #[arg(long, global = true, value_name = "FILE")]
    pub results: Option<PathBuf>,
}

impl BenchSettings {
    /// How many rounds to run.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// A number of things to do: all, or with `--quick` a tenth.
    pub fn scaled(&self, count: usize) -> usize {
        if self.quick { count / 10 } else { count }
    }

    /// Whether a case is wanted.
    pub fn wants(&self, case: &str) -> bool {
        self.only.as_deref().is_none_or(|text| case.contains(text))
    }

    /// Shows a measured case, and keeps it if there is a file for it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn report(&self, measurement: &Measurement) -> Result<()> {
        println!("{measurement}\n");
        match &self.results {
            Some(path) => measurement.append_to(path, &Machine::describe()),
            None => Ok(()),
        }
    }
}
