//! How the comparison is run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::artillery;
use super::scenario::{ORIGINAL, Scenario};
use super::way::Way;

/// Runs the same load on both ways of a link through linkrelay, and counts what became of it.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "load-test", version)]
pub struct ComparisonSettings {
    /// Who sends the load; auto is Artillery where Node and `npm ci` have been
    #[arg(long, value_enum, default_value_t = Generator::Auto)]
    pub generator: Generator,

    /// A file of load-tests/scenarios: original, ramp, batches, mixed
    #[arg(long, value_name = "NAME", default_value = ORIGINAL)]
    pub scenario: String,

    /// Requests a second, steadily, in place of the scenario's (50 if only --seconds is given)
    #[arg(long, value_name = "N")]
    pub rate: Option<u32>,

    /// For how long, in place of the scenario's (10 if only --rate is given)
    #[arg(long, value_name = "N")]
    pub seconds: Option<u32>,

    /// How long the fake YouTube takes a link
    #[arg(long, default_value = "1200ms", value_parser = humantime::parse_duration)]
    pub latency: Duration,

    /// One link for all requests, which a cache answers after the first
    #[arg(long, value_name = "LINK")]
    pub link: Option<String>,

    /// Only one of the two
    #[arg(long, value_enum, value_name = "WAY")]
    pub only: Option<Way>,

    /// Where report.md, report.json and report.svg go
    #[arg(long, value_name = "DIR", default_value_os_t = default_out())]
    pub out: PathBuf,
}

/// Who sends the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// Artillery, which needs Node
    Artillery,
    /// The one in load-tests/src/comparison/open_loop.rs
    Own,
    /// Artillery if it is there, else our own
    Auto,
}

impl Generator {
    /// Which of the two it is.
    ///
    /// # Errors
    /// If Artillery is asked for and not there.
    pub fn choose(self) -> Result<Self> {
        let is_there = artillery::is_there();
        ensure!(
            self != Self::Artillery || is_there,
            "Artillery is not there: it needs Node 20, and `npm ci` in load-tests"
        );
        Ok(match self {
            Self::Auto if is_there => Self::Artillery,
            Self::Auto => Self::Own,
            chosen => chosen,
        })
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Artillery => "Artillery",
            Self::Own => "own open-loop generator",
            Self::Auto => "whichever is there",
        }
    }
}

impl ComparisonSettings {
    /// The ways that are wanted.
    pub fn ways(&self) -> Vec<Way> {
        Way::ALL.into_iter().filter(|way| self.only.is_none_or(|only| only == *way)).collect()
    }

    /// The load.
    ///
    /// # Errors
    /// If there is no such scenario, or nothing would be sent.
    pub fn scenario(&self) -> Result<Scenario> {
        let scenario = Scenario::read(&self.scenario)?;
        if self.rate.is_none() && self.seconds.is_none() {
            return Ok(scenario);
        }
        scenario.steady(self.rate.unwrap_or(50), self.seconds.unwrap_or(10))
    }
}

fn default_out() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("report")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::comparison::schedule::moments;

    fn settings(arguments: &[&str]) -> ComparisonSettings {
        ComparisonSettings::try_parse_from([&["load-test"], arguments].concat()).unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        ComparisonSettings::command().debug_assert();
    }

    #[test]
    fn without_a_word_it_is_the_original_load_on_both_ways() {
        let settings = settings(&[]);
        assert_eq!(settings.ways(), Way::ALL);
        assert_eq!(settings.latency, Duration::from_millis(1_200));
        assert_eq!(moments(&settings.scenario().unwrap().phases).len(), 500);
    }

    #[test]
    fn rate_and_seconds_take_the_place_of_the_scenarios() {
        let sent = |arguments: &[&str]| {
            let scenario = settings(arguments).scenario().unwrap();
            (moments(&scenario.phases).len(), scenario.variables.links_per_request)
        };
        assert_eq!(sent(&["--rate", "7"]), (70, 1));
        assert_eq!(sent(&["--seconds", "2", "--scenario", "batches"]), (100, 100));
        assert_eq!(settings(&["--only", "waiting"]).ways(), [Way::Waiting]);
    }
}
