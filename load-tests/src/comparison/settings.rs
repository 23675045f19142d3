//! How the comparison is run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::value_parser;

use super::link_path::LinkPath;
use super::scenario::{LoadPlan, Phase, Scenario};

/// Runs the same load on both paths of a link through linkrelay, and compares every answer with
/// the documents.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "load-test", version)]
pub struct ComparisonSettings {
    /// Which load
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Scenario::Original)]
    pub(crate) scenario: Scenario,

    /// Requests a second, steadily, instead of the scenario's (50 if only --seconds is given)
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,

    /// For how long, instead of the scenario's (10 if only --rate is given)
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) seconds: Option<u32>,

    /// How long the fake YouTube takes a link
    #[arg(long, default_value = "1200ms", value_parser = humantime::parse_duration)]
    pub(crate) latency: Duration,

    /// One link for all requests, which a cache answers after the first
    #[arg(long, value_name = "LINK")]
    pub(crate) link: Option<String>,

    /// Only one of the two paths
    #[arg(long, value_enum, value_name = "PATH")]
    pub(crate) only: Option<LinkPath>,

    /// Where report.md, report.json and report.svg go
    #[arg(long, value_name = "DIR", default_value_os_t = default_out())]
    pub out: PathBuf,
}

impl ComparisonSettings {
    /// Returns the paths to run, in order.
    pub(crate) fn paths(&self) -> Vec<LinkPath> {
        self.only.map_or_else(|| LinkPath::ALL.to_vec(), |only| vec![only])
    }

    /// Returns the load: the scenario's, with its own phases unless others are set.
    pub(crate) fn plan(&self) -> LoadPlan {
        let plan = self.scenario.plan();
        if self.rate.is_none() && self.seconds.is_none() {
            return plan;
        }
        let phase = Phase::steady(self.rate.unwrap_or(50), self.seconds.unwrap_or(10));
        LoadPlan { phases: vec![phase], ..plan }
    }
}

fn default_out() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("report")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<ComparisonSettings, clap::Error> {
        ComparisonSettings::try_parse_from([&["load-test"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_sound() {
        ComparisonSettings::command().debug_assert();
    }

    #[test]
    fn without_arguments_it_is_the_original_load_on_both_paths() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.paths(), LinkPath::ALL);
        assert_eq!(settings.latency, Duration::from_millis(1_200));
        assert_eq!(settings.plan().moments().len(), 500);
    }

    #[test]
    fn rate_and_seconds_replace_those_of_the_scenario() {
        let sent = |arguments: &[&str]| {
            let plan = parse(arguments).unwrap().plan();
            (plan.moments().len(), plan.links_per_request)
        };
        assert_eq!(sent(&["--rate", "7"]), (70, 1));
        assert_eq!(sent(&["--seconds", "2", "--scenario", "batches"]), (100, 100));
        assert_eq!(parse(&["--only", "waiting"]).unwrap().paths(), [LinkPath::Waiting]);
    }

    #[test]
    fn a_load_without_a_request_is_refused() {
        for arguments in [["--rate", "0"], ["--seconds", "0"], ["--scenario", "no-such"]] {
            assert!(parse(&arguments).is_err(), "{arguments:?}");
        }
    }
}
