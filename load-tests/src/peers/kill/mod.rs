//! What follows the SIGKILL of one of three processes under load: how long its partitions are
//! without work, and how many links are done again.
//!
//! Twelve partitions, 64 in flight in each process, 5 ms a link, and the same session time-out for
//! both, which the broker waits for before it gives the partitions to others. It counts from the
//! last heartbeat, so the time from the kill may be shorter by a heartbeat's interval (3 s).
//!
//! The Parallel Consumer's work only takes time, and it knows of the past what it has committed,
//! every 5 s by default. linkrelay is compared with it twice. *Work that only takes time*: the same
//! work, and a store that acknowledges immediately and knows nothing, so that linkrelay as well has
//! nothing but its commits; that flatters the peer. *Real store*: `linkrelay-consumer` with pages of
//! a fake YouTube and documents in a MongoDB-wire store, which it asks what is done already. The
//! store then decides the rate, and what was asked of YouTube but not stored counts as done: fewer
//! links a second flatter linkrelay, a full store does not. The details have the rates.

mod time_only;
mod with_store;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;

use super::Side;
use crate::bench::settings::BenchSettings;
use crate::machine::Load;
use crate::measurement::{Measurement, Round};

const PARTITIONS: i32 = 12;
const PROCESSES: usize = 3;
const LATENCY: Duration = Duration::from_millis(5);
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// From the moment that all processes work to the kill: two of the peer's commits.
const LOADED: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(300);

/// A link that was delivered: when, and its partition.
type Delivery = (i64, i32);

/// What a side did.
struct Outcome {
    deliveries: Vec<Delivery>,
    killed_ms: i64,
    again: u64,
    load: Load,
}

/// The sides of one round, of which linkrelay has two.
struct Outcomes {
    time_only: Outcome,
    with_store: Outcome,
    theirs: Outcome,
    is_ours_first: bool,
}

pub(super) async fn run(settings: &BenchSettings, broker: &KafkaBroker, home: &Path) -> Result<()> {
    // One run gives all figures.
    if !settings.includes("kill -9 of one of three") {
        return Ok(());
    }
    let mut outcomes = Vec::new();
    let takeovers = async |index| {
        let outcome = outcomes_of(broker, home, index).await?;
        let round = outcome.round(&outcome.time_only, Outcome::takeover_seconds);
        outcomes.push(outcome);
        round
    };
    settings.rounds(takeovers).await?;
    let figures: [(&str, &str, Figure); 2] = [
        ("take-over", "s until all partitions are worked on", Outcome::takeover_seconds),
        ("done again", "links", |outcome| Ok(outcome.again as f64)),
    ];
    let works: [(&str, Ours); 2] = [
        ("work that only takes time", |outcomes| &outcomes.time_only),
        ("real store", |outcomes| &outcomes.with_store),
    ];
    for (work, ours) in works {
        for (what, unit, figure) in figures {
            let rounds = outcomes.iter().map(|all| all.round(ours(all), figure));
            settings.report(&Measurement {
                benchmark: "peers",
                case: format!("kill -9 of one of three, {work}: {what}"),
                unit,
                baseline_is: "Parallel Consumer, unordered, only takes time",
                target: None,
                rounds: rounds.collect::<Result<_>>()?,
            })?;
        }
    }
    Ok(())
}

type Figure = fn(&Outcome) -> Result<f64>;
type Ours = fn(&Outcomes) -> &Outcome;

async fn outcomes_of(broker: &KafkaBroker, home: &Path, index: usize) -> Result<Outcomes> {
    let (mut ours, mut theirs) = (None, None);
    for side in Side::both(index) {
        eprintln!("killing one of three: {side:?}");
        match side {
            Side::Ours => {
                let time_only = time_only::ours(broker).await?;
                ours = Some((time_only, with_store::outcome(broker).await?));
            }
            Side::Theirs => theirs = Some(time_only::theirs(broker, home).await?),
        }
    }
    let ((time_only, with_store), theirs) = (ours.context("not run")?, theirs.context("not run")?);
    let is_ours_first = Side::both(index)[0] == Side::Ours;
    Ok(Outcomes { time_only, with_store, theirs, is_ours_first })
}

fn session_setting() -> String {
    format!("session.timeout.ms={}", SESSION_TIMEOUT.as_millis())
}

impl Outcomes {
    fn round(&self, ours: &Outcome, figure: Figure) -> Result<Round> {
        let details = json!({
            "is_ours_first": self.is_ours_first,
            "session_timeout_seconds": SESSION_TIMEOUT.as_secs(),
            "ours": ours.details()?,
            "theirs": self.theirs.details()?,
        });
        let baseline = Some(figure(&self.theirs)?);
        Ok(Round { ours: figure(ours)?, baseline, load: ours.load, details })
    }
}

impl Outcome {
    /// Returns the longest time from the kill to the next delivery of a partition: that of the
    /// partitions of the process that was killed.
    ///
    /// # Errors
    /// If no partition waited: then the process had none, or nothing was left for it.
    fn takeover(&self) -> Result<Duration> {
        let mut next_of = BTreeMap::new();
        for (at_ms, partition) in &self.deliveries {
            if *at_ms > self.killed_ms {
                let next: &mut i64 = next_of.entry(*partition).or_insert(*at_ms);
                *next = (*next).min(*at_ms);
            }
        }
        let longest =
            next_of.into_values().max().context("nothing was delivered after the kill")?;
        let took = Duration::from_millis(u64::try_from(longest - self.killed_ms)?);
        ensure!(took > SESSION_TIMEOUT / 2, "all partitions were worked on after {took:?}");
        Ok(took)
    }

    fn takeover_seconds(&self) -> Result<f64> {
        Ok(self.takeover()?.as_secs_f64())
    }

    fn details(&self) -> Result<serde_json::Value> {
        let before = |from_ms: i64| {
            let is_before = |at_ms: i64| (from_ms..self.killed_ms).contains(&at_ms);
            self.deliveries.iter().filter(|(at_ms, _)| is_before(*at_ms)).count()
        };
        let beyond = self.takeover_seconds()? - SESSION_TIMEOUT.as_secs_f64();
        Ok(json!({
            "beyond_the_session_timeout_seconds": (beyond * 1e3).round() / 1e3,
            "done_before_the_kill": before(0),
            "links_per_second_before_the_kill": before(self.killed_ms - 5_000) / 5,
            "again": self.again,
            "load_average": self.load.load_average,
            "others_cpus": self.load.others_cpus,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(deliveries: &[Delivery]) -> Outcome {
        let (deliveries, load) = (deliveries.to_vec(), Load::default());
        Outcome { deliveries, killed_ms: 1_000, again: 0, load }
    }

    #[test]
    fn a_take_over_is_the_longest_silence_after_the_kill() {
        // Partition 1 was the killed process's; its links come out of order.
        let deliveries = [(990, 0), (995, 1), (1_010, 0), (13_500, 1), (12_000, 1), (20_000, 0)];
        assert_eq!(outcome(&deliveries).takeover().unwrap(), Duration::from_secs(11));
        assert!(outcome(&deliveries[..3]).takeover().is_err(), "no partition waited");
        assert!(outcome(&deliveries[..2]).takeover().is_err(), "nothing was left");
    }
}
