//! Artillery's scenario files, as far as both generators need them: when requests are sent, and
//! how many links each has.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

/// The scenario of the measurement that linkrelay is compared with.
pub const ORIGINAL: &str = "original";

/// A scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// When requests are sent, one phase after the other.
    pub phases: Vec<Phase>,
    /// What is in them.
    pub variables: Variables,
}

/// A stretch of time with a steady or a steadily changing rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Phase {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In seconds.
    pub duration: u32,
    /// Requests a second, at its beginning.
    pub arrival_rate: u32,
    /// Requests a second, at its end; without it, as at the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp_to: Option<u32>,
}

/// What the requests are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variables {
    /// Links in one request.
    pub links_per_request: usize,
    /// How many of a hundred links are none to a video.
    pub bad_percent: usize,
}

#[derive(Debug, Deserialize)]
struct File {
    config: Scenario,
}

/// Where the scenario files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The file of the scenario with this name.
pub fn path(name: &str) -> PathBuf {
    folder().join(format!("{name}.yml"))
}

impl Scenario {
    /// Reads the one with this name.
    ///
    /// # Errors
    /// If there is none, or it says what the generators here do not know.
    pub fn read(name: &str) -> Result<Self> {
        let path = path(name);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("no scenario {name}: cannot read {}", path.display()))?;
        let file: File = serde_norway::from_str(&text)
            .with_context(|| format!("{} is not understood", path.display()))?;
        file.config.check()?;
        Ok(file.config)
    }

    /// The same with one steady phase.
    ///
    /// # Errors
    /// If nothing would be sent.
    pub fn steady(mut self, per_second: u32, seconds: u32) -> Result<Self> {
        self.phases =
            vec![Phase { name: None, duration: seconds, arrival_rate: per_second, ramp_to: None }];
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<()> {
        let sends = |phase: &Phase| {
            phase.duration > 0 && (phase.arrival_rate > 0 || phase.ramp_to > Some(0))
        };
        ensure!(self.phases.iter().any(sends), "a load without a request");
        ensure!(self.variables.links_per_request > 0, "links_per_request must not be 0");
        ensure!(self.variables.bad_percent <= 100, "bad_percent must not be above 100");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::way::Way;

    const NAMES: [&str; 4] = [ORIGINAL, "ramp", "batches", "mixed"];

    #[test]
    fn every_scenario_file_is_understood_and_listed() {
        let mut found: Vec<String> = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".yml").map(str::to_owned))
            .filter(|name| name != "common")
            .collect();
        found.sort();
        let mut names = NAMES;
        names.sort_unstable();
        assert_eq!(found, names);
        for name in NAMES {
            Scenario::read(name).unwrap();
        }
    }

    #[test]
    fn the_original_is_fifty_a_second_for_ten_seconds_one_link_each() {
        let original = Scenario::read(ORIGINAL).unwrap();
        let steady = original.clone().steady(50, 10).unwrap();
        let without_names = |mut scenario: Scenario| {
            scenario.phases.iter_mut().for_each(|phase| phase.name = None);
            scenario
        };
        assert_eq!(without_names(original.clone()), steady);
        assert_eq!(original.variables, Variables { links_per_request: 1, bad_percent: 0 });
    }

    #[test]
    fn the_paths_of_the_environments_are_the_producers_routes() {
        let text = std::fs::read_to_string(folder().join("common.yml")).unwrap();
        let common: serde_norway::Value = serde_norway::from_str(&text).unwrap();
        let environments = common["config"]["environments"].as_mapping().unwrap();
        assert_eq!(environments.len(), Way::ALL.len());
        for way in Way::ALL {
            assert_eq!(environments[way.name()]["variables"]["path"], way.route());
        }
        assert_eq!(common["scenarios"][0]["flow"][0]["post"]["url"], "{{ path }}");
    }

    #[test]
    fn files_that_the_scenarios_name_are_there_and_have_the_functions() {
        let text = std::fs::read_to_string(folder().join("common.yml")).unwrap();
        let common: serde_norway::Value = serde_norway::from_str(&text).unwrap();
        let processor = folder().join(common["config"]["processor"].as_str().unwrap());
        let script = std::fs::read_to_string(processor).unwrap();
        let scenario = &common["scenarios"][0];
        let post = &scenario["flow"][0]["post"];
        for hook in [&scenario["onError"], &post["beforeRequest"], &post["afterResponse"]] {
            let function = format!("function {}(", hook.as_str().unwrap());
            assert!(script.contains(&function), "{function}");
        }
    }

    #[test]
    fn a_load_without_a_request_is_refused() {
        let original = Scenario::read(ORIGINAL).unwrap();
        assert!(original.clone().steady(0, 10).is_err());
        assert!(original.steady(10, 0).is_err());
        assert!(Scenario::read("no-such").is_err());
    }
}
