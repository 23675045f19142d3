//! Links a second of one process: linkrelay's consumer core against the Parallel Consumer, six
//! partitions, 64 in flight, and work that only takes time by the kernel's timer.
//!
//! Both are measured in the middle of a drain, after some seconds: so the compiler of the Java
//! machine and the group's start are not counted. The rate of the first seconds, in which they are,
//! is in the details. The peer's records are unordered, where linkrelay's are in the order of their
//! videos' keys; at 0 ms its function does nothing at all, where linkrelay reads the link, makes its
//! document and has it acknowledged by a store, in a batch. Both flatter the peer. Neither stores.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::tools::fresh_name;
use serde_json::{Value, json};

use super::parallel_consumer::PeerGroup;
use super::{IN_FLIGHT, Side};
use crate::bench::settings::BenchSettings;
use crate::kafka::preloaded_topic;
use crate::machine::{Load, LoadMeter};
use crate::measurement::{Measurement, Round};
use crate::replicas::group::{Group, Worker};

/// From the first link to the end of what is called cold.
const COLD: Duration = Duration::from_secs(2);
/// The default of both.
const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
/// More than either side reads in a second; a topic holds this many for each second of a run.
const MOST_AT_0_MS: f64 = 400_000.0;

/// How long a side runs.
#[derive(Debug, Clone, Copy)]
struct Times {
    warm_up: Duration,
    measured: Duration,
}

/// A topic that is drained.
struct Case<'a> {
    broker: &'a KafkaBroker,
    home: &'a std::path::Path,
    topic: String,
    links_count: usize,
    latency: Duration,
    times: Times,
}

struct Drained {
    warm: f64,
    cold: f64,
    until_first: Duration,
    load: Load,
}

pub(super) async fn run(
    settings: &BenchSettings,
    broker: &KafkaBroker,
    home: &std::path::Path,
) -> Result<()> {
    let seconds = if settings.quick { (3, 3) } else { (8, 8) };
    let times =
        Times { warm_up: Duration::from_secs(seconds.0), measured: Duration::from_secs(seconds.1) };
    for latency in [50, 5, 0].map(Duration::from_millis) {
        let name = format!("drain at {} ms by an exact timer", latency.as_millis());
        if !settings.includes(&name) {
            continue;
        }
        let links_count = links_count(latency, times);
        let topic = preloaded_topic(broker, links_count).await?;
        let case = Case { broker, home, topic, links_count, latency, times };
        let rounds = settings.rounds(async |index| case.round(index).await).await?;
        broker.delete_topic(&case.topic).await?;
        settings.report(&Measurement {
            benchmark: "peers",
            case: name,
            unit: "links/s",
            baseline_is: "Parallel Consumer, unordered, both warm",
            target: None,
            rounds,
        })?;
    }
    Ok(())
}

/// Returns how many links suffice until the end of what is measured.
fn links_count(latency: Duration, times: Times) -> usize {
    // With some seconds for the time in which the reports are read.
    let seconds = (times.warm_up + times.measured).as_secs_f64() + 4.0;
    (nominal(latency).unwrap_or(MOST_AT_0_MS).min(MOST_AT_0_MS) * seconds) as usize
}

/// Returns what 64 in flight could do at best, if they take any time.
fn nominal(latency: Duration) -> Option<f64> {
    (!latency.is_zero()).then(|| IN_FLIGHT as f64 / latency.as_secs_f64())
}

impl Case<'_> {
    async fn round(&self, index: usize) -> Result<Round> {
        let (mut ours, mut theirs) = (None, None);
        for side in Side::both(index) {
            let drained = Some(self.drain(self.start(side)?).await?);
            match side {
                Side::Ours => ours = drained,
                Side::Theirs => theirs = drained,
            }
        }
        let (ours, theirs) = (ours.context("not run")?, theirs.context("not run")?);
        let details = json!({
            "is_ours_first": Side::both(index)[0] == Side::Ours,
            "ours": self.details(&ours),
            "theirs": self.details(&theirs),
            "warm_up_seconds": self.times.warm_up.as_secs(),
            "measured_seconds": self.times.measured.as_secs(),
        });
        Ok(Round { ours: ours.warm, baseline: Some(theirs.warm), load: ours.load, details })
    }

    fn start(&self, side: Side) -> Result<Worker> {
        let Self { broker, home, topic, latency, .. } = self;
        let (name, latency) = (fresh_name("peers"), *latency);
        match side {
            Side::Ours => {
                let protocol = "classic";
                Group { broker, topic, name, protocol, latency, in_flight: IN_FLIGHT }.start()
            }
            Side::Theirs => {
                let session_timeout = SESSION_TIMEOUT;
                PeerGroup { broker, home, topic, name, latency, session_timeout }.start(None)
            }
        }
    }

    async fn drain(&self, mut worker: Worker) -> Result<Drained> {
        let until_first = worker.until_first().await?;
        tokio::time::sleep(self.times.warm_up).await;
        let meter = LoadMeter::start()?;
        let begin_ms = Timestamp::now().as_millisecond();
        // A little longer, so that there is a report after the end.
        tokio::time::sleep(self.times.measured + Duration::from_millis(500)).await;
        let load = meter.load()?;
        let end_ms = begin_ms + i64::try_from(self.times.measured.as_millis())?;
        let done = worker.stored_between(begin_ms, end_ms)?;
        let cold = worker.stored_in_first(COLD)?;
        let all = worker.stored()?;
        worker.kill()?;
        ensure!(all < self.links_count as u64, "the topic was drained before the end");
        ensure!(done > 0, "nothing was done");
        Ok(Drained {
            warm: done as f64 / self.times.measured.as_secs_f64(),
            cold: cold as f64 / COLD.as_secs_f64(),
            until_first,
            load,
        })
    }

    fn details(&self, drained: &Drained) -> Value {
        let mut details = json!({
            "first_2_seconds_per_second": drained.cold.round(),
            "until_first_seconds": drained.until_first.as_secs_f64(),
            "servers_cpus": drained.load.children_cpus,
            "others_cpus": drained.load.others_cpus,
            "load_average": drained.load.load_average,
        });
        if let Some(nominal) = nominal(self.latency) {
            details["of_nominal"] = json!((drained.warm / nominal * 1e3).round() / 1e3);
        }
        details
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_outlasts_the_measurement() {
        let times = Times { warm_up: Duration::from_secs(3), measured: Duration::from_secs(5) };
        for (latency_ms, least) in [(50, 1_280.0 * 8.0), (5, 12_800.0 * 8.0), (0, 250_000.0 * 8.0)]
        {
            let count = links_count(Duration::from_millis(latency_ms), times) as f64;
            assert!(count > least, "{latency_ms} ms: {count}");
        }
    }
}
