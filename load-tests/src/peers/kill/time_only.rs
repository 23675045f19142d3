//! Three processes whose work only takes time, of which one is killed: linkrelay's, or those of the
//! Parallel Consumer. Each appends what it did to a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::tools::fresh_name;
use linkrelay_testkit::wait::{SHORT, wait_for};

use super::{
    Delivery, LATENCY, LIMIT, LOADED, Outcome, PARTITIONS, PROCESSES, SESSION_TIMEOUT,
    session_setting,
};
use crate::kafka::{dlq, write_links};
use crate::machine::LoadMeter;
use crate::peers::IN_FLIGHT;
use crate::peers::parallel_consumer::PeerGroup;
use crate::replicas::group::{Group, Worker};

/// Enough for half a minute.
const LINKS: usize = 600_000;

/// linkrelay's consumer, as a `replica`.
pub(super) async fn ours(broker: &KafkaBroker) -> Result<Outcome> {
    let topic = &broker.fresh_topic("peers", PARTITIONS).await?;
    broker.create_topic(&dlq(topic), 1).await?;
    let (name, protocol) = (fresh_name("peers"), "classic");
    let group = Group { broker, topic, name, protocol, latency: LATENCY, in_flight: IN_FLIGHT };
    let session = session_setting();
    let start = |file: &PathBuf| {
        let builder = group.builder()?.args(["--kafka-config", &session, "--done"]);
        Worker::start(builder.arg(file))
    };
    outcome(broker, topic, &group.name, start).await
}

/// The Parallel Consumer.
pub(super) async fn theirs(broker: &KafkaBroker, home: &Path) -> Result<Outcome> {
    let topic = &broker.fresh_topic("peers", PARTITIONS).await?;
    let group = PeerGroup {
        broker,
        home,
        topic,
        name: fresh_name("peers"),
        latency: LATENCY,
        session_timeout: SESSION_TIMEOUT,
    };
    outcome(broker, topic, &group.name, |file| group.start(Some(file))).await
}

async fn outcome(
    broker: &KafkaBroker,
    topic: &str,
    group: &str,
    start: impl Fn(&PathBuf) -> Result<Worker>,
) -> Result<Outcome> {
    write_links(broker, topic, LINKS).await?;
    let folder = tempfile::tempdir()?;
    let files: Vec<PathBuf> =
        (0..PROCESSES).map(|number| folder.path().join(number.to_string())).collect();
    let mut workers: Vec<Worker> = files.iter().map(&start).collect::<Result<_>>()?;
    try_join_all(workers.iter_mut().map(Worker::until_first)).await?;
    let meter = LoadMeter::start()?;
    tokio::time::sleep(LOADED).await;
    let killed_ms = Timestamp::now().as_millisecond();
    workers.remove(0).kill()?;
    wait_for("the last commit", LIMIT, SHORT * 10, async || match broker.lag(group, topic).await {
        Ok(0) => Ok(()),
        Ok(lag) => Err(format!("lag {lag}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await?;
    let load = meter.load()?;
    workers.into_iter().try_for_each(Worker::kill)?;
    broker.delete_topic(topic).await?;
    let mut times_done = HashMap::new();
    let mut deliveries = Vec::new();
    for file in files {
        for line in std::fs::read_to_string(file)?.lines() {
            let (delivery, offset) = done(line).with_context(|| format!("a line {line:?}"))?;
            *times_done.entry((delivery.1, offset)).or_insert(0_u64) += 1;
            deliveries.push(delivery);
        }
    }
    ensure!(times_done.len() == LINKS, "{} links were done", times_done.len());
    let again = times_done.values().map(|count| count - 1).sum();
    Ok(Outcome { deliveries, killed_ms, again, load })
}

/// Reads a line of what a process did: when, the partition, and the offset.
fn done(line: &str) -> Option<(Delivery, i64)> {
    let mut parts = line.split(' ').map(str::parse);
    let mut next = || parts.next()?.ok();
    let (at_ms, partition, offset): (i64, i64, i64) = (next()?, next()?, next()?);
    Some(((at_ms, i32::try_from(partition).ok()?), offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_if_it_is_whole() {
        assert_eq!(done("1795876100123 7 42"), Some(((1_795_876_100_123, 7), 42)));
        for broken in ["", "1795876100123 7", "1795876100123 x 42"] {
            assert_eq!(done(broken), None, "{broken:?}");
        }
    }
}
