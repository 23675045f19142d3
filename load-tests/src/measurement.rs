//! One measured case: its rounds, both sides of its ratio, its target, and how it is printed.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::machine::{Load, Machine};
use crate::stats::{figure, median};

/// The figure that a case has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// linkrelay does at least this part of what it is compared with.
    Ratio(f64),
    /// linkrelay needs less than this many times what it is compared with.
    RatioBelow(f64),
    /// linkrelay does at least this.
    AtLeast(f64),
    /// linkrelay stays below this.
    Below(f64),
}

impl Target {
    fn is_met(self, ours: f64, ratio: Option<f64>) -> bool {
        match self {
            Self::Ratio(least) => ratio.is_some_and(|ratio| ratio >= least),
            Self::RatioBelow(limit) => ratio.is_some_and(|ratio| ratio < limit),
            Self::AtLeast(least) => ours >= least,
            Self::Below(limit) => ours < limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(least) => write!(f, "ratio >= {least}"),
            Self::RatioBelow(limit) => write!(f, "ratio < {limit}"),
            Self::AtLeast(least) => write!(f, ">= {}", figure(*least)),
            Self::Below(limit) => write!(f, "< {}", figure(*limit)),
        }
    }
}

/// One run of a case: both sides, one right after the other.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Round {
    /// What linkrelay did.
    pub(crate) ours: f64,
    /// What it is compared with, if there is such a thing.
    pub(crate) baseline: Option<f64>,
    pub(crate) load: Load,
    pub(crate) details: Value,
}

/// A measured case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    pub(crate) benchmark: &'static str,
    pub(crate) case: String,
    pub(crate) unit: &'static str,
    pub(crate) baseline_is: &'static str,
    #[serde(skip)]
    pub(crate) target: Option<Target>,
    /// At least one.
    pub(crate) rounds: Vec<Round>,
}

/// A line of the file of results.
#[derive(Debug, Serialize)]
struct Line<'a> {
    at: Timestamp,
    #[serde(flatten)]
    measurement: &'a Measurement,
    ours: f64,
    baseline: Option<f64>,
    ratio: Option<f64>,
    target: Option<String>,
    is_met: Option<bool>,
    machine: &'a Machine,
}

impl Measurement {
    /// Returns the median of linkrelay's side.
    pub(crate) fn ours(&self) -> f64 {
        median(&self.rounds.iter().map(|round| round.ours).collect::<Vec<_>>())
    }

    /// Returns the median of the baseline.
    pub(crate) fn baseline(&self) -> Option<f64> {
        median_of(self.rounds.iter().map(|round| round.baseline))
    }

    /// Returns the median of the rounds' ratios: both sides of a round ran on the same machine under
    /// the same load.
    pub(crate) fn ratio(&self) -> Option<f64> {
        median_of(self.rounds.iter().map(|round| Some(round.ours / round.baseline?)))
    }

    /// Whether the target is met, if there is one.
    pub(crate) fn is_met(&self) -> Option<bool> {
        Some(self.target?.is_met(self.ours(), self.ratio()))
    }

    /// Appends the case as a line to a file of results.
    pub(crate) fn append_to(&self, path: &Path, machine: &Machine) -> Result<()> {
        let line = Line {
            at: Timestamp::now(),
            measurement: self,
            ours: self.ours(),
            baseline: self.baseline(),
            ratio: self.ratio(),
            target: self.target.map(|target| target.to_string()),
            is_met: self.is_met(),
            machine,
        };
        let text = serde_json::to_string(&line)?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.with_context(|| format!("opening {}", path.display()))?;
        writeln!(file, "{text}").with_context(|| format!("writing {}", path.display()))
    }
}

/// The case on one line, and a line for each round.
impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { benchmark, case, unit, baseline_is, .. } = self;
        write!(f, "{benchmark}, {case}: {} {unit}", figure(self.ours()))?;
        if let (Some(baseline), Some(ratio)) = (self.baseline(), self.ratio()) {
            write!(f, ", against {} ({baseline_is}): {ratio:.3}", figure(baseline))?;
        }
        if let (Some(target), Some(is_met)) = (self.target, self.is_met()) {
            let verdict = if is_met { "met" } else { "MISSED" };
            write!(f, "; target {target}: {verdict}")?;
        }
        for (round, index) in self.rounds.iter().zip(1..) {
            let Load { own_cpus, children_cpus, others_cpus, .. } = round.load;
            write!(f, "\n    round {index}: {}", figure(round.ours))?;
            if let Some(baseline) = round.baseline {
                write!(f, " against {}, {:.3}", figure(baseline), round.ours / baseline)?;
            }
            write!(
                f,
                "; processors: own {own_cpus:.2}, servers {children_cpus:.2}, others {others_cpus:.2}; {}",
                round.details
            )?;
        }
        Ok(())
    }
}

fn median_of(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    Some(median(&values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measurement(sides: &[(f64, f64)], target: Target) -> Measurement {
        let load = Load::default();
        let round = |(ours, baseline): &(f64, f64)| Round {
            ours: *ours,
            baseline: Some(*baseline),
            load,
            details: json!({}),
        };
        Measurement {
            benchmark: "drain",
            case: "a case".to_owned(),
            unit: "links/s",
            baseline_is: "nothing",
            target: Some(target),
            rounds: sides.iter().map(round).collect(),
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        // A noisy round slows both sides: 0.9 of 100 is as good as 0.9 of 1,000.
        let measured =
            measurement(&[(900.0, 1_000.0), (90.0, 100.0), (10.0, 1_000.0)], Target::Ratio(0.9));
        assert_eq!((measured.ours(), measured.ratio()), (90.0, Some(0.9)));
        assert_eq!(measured.is_met(), Some(true));
    }

    #[test]
    fn each_kind_of_target_looks_at_its_own_figure() {
        let sides = [(100_000.0, 500_000.0)];
        for (target, is_met) in [
            (Target::Ratio(0.3), false),
            (Target::Ratio(0.2), true),
            (Target::RatioBelow(0.2), false),
            (Target::RatioBelow(0.3), true),
            (Target::AtLeast(100_000.0), true),
            (Target::AtLeast(100_001.0), false),
            (Target::Below(100_000.0), false),
            (Target::Below(100_001.0), true),
        ] {
            assert_eq!(measurement(&sides, target).is_met(), Some(is_met), "{target}");
        }
    }

    #[test]
    fn a_results_file_grows_by_a_json_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("results.jsonl");
        let measured = measurement(&[(9.0, 10.0)], Target::Ratio(0.8));
        for _ in 0..2 {
            measured.append_to(&path, &Machine::describe()).unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["ratio"], 0.9);
        assert_eq!(lines[1]["rounds"][0]["baseline"], 10.0);
    }
}
