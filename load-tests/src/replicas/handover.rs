//! How long a process that joins a group needs until its first link, and how many links are done
//! again when a process is added, stopped or killed.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::{Role, Site};
use linkrelay_testkit::wait::{SHORT, wait_for};
use serde_json::json;

use super::group::Worker;
use super::{IN_FLIGHT, LATENCY, LINKS, PARTITIONS, group};
use crate::bench::settings::BenchSettings;
use crate::kafka::{dlq, link_record, write_links, write_records};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};

const LIMIT: Duration = Duration::from_secs(300);
/// The links of a group whose processes come and go.
const CHANGING_LINKS: usize = 12_000;

pub(super) async fn run(settings: &BenchSettings, broker: &KafkaBroker) -> Result<()> {
    for (protocol, limit_s) in [("classic", 4.0), ("consumer", 2.0)] {
        let case = format!("first link of a third process, {protocol} protocol");
        if settings.includes(&case) {
            let topic = broker.fresh_topic("replicas", PARTITIONS).await?;
            broker.create_topic(&dlq(&topic), 1).await?;
            write_records(broker, &topic, LINKS, link_record).await?;
            settings.report(&Measurement {
                benchmark: "replicas",
                case,
                unit: "s after its start",
                baseline_is: "",
                target: Some(Target::Below(limit_s)),
                rounds: settings.rounds(async |_| join(broker, &topic, protocol).await).await?,
            })?;
        }
    }
    for (change, limit) in [("added", 1.0), ("stopped", 1.0), ("killed", IN_FLIGHT as f64 + 1.0)] {
        let case = format!("links extracted again when a process is {change}");
        if settings.includes(&case) {
            settings.report(&Measurement {
                benchmark: "replicas",
                case,
                unit: "links",
                baseline_is: "",
                target: Some(Target::Below(limit)),
                rounds: settings.rounds(async |_| changed(change).await).await?,
            })?;
        }
    }
    Ok(())
}

/// Starts a process beside two that work.
async fn join(broker: &KafkaBroker, topic: &str, protocol: &'static str) -> Result<Round> {
    let group = group(broker, topic, protocol);
    let mut workers: Vec<Worker> = (0..2).map(|_| group.start()).collect::<Result<_>>()?;
    try_join_all(workers.iter_mut().map(Worker::until_first)).await?;
    let meter = LoadMeter::start()?;
    let mut third = group.start()?;
    let took = third.until_first().await?;
    let load = meter.load()?;
    workers.push(third);
    workers.into_iter().try_for_each(Worker::kill)?;
    Ok(Round { ours: took.as_secs_f64(), baseline: None, load, details: json!({}) })
}

/// Changes a group of two (or three, of which one goes) while it works on a real store, and returns
/// how many links were asked of YouTube more than once.
async fn changed(change: &str) -> Result<Round> {
    let youtube = FakeYouTubeSettings { latency: LATENCY, ..FakeYouTubeSettings::default() };
    let (broker, mongo) = tokio::try_join!(KafkaBroker::start(), MongoServer::start())?;
    let site = Site::start(broker, mongo, youtube).await?;
    site.create_topics(PARTITIONS).await?;
    write_links(&site.broker, &site.topic, CHANGING_LINKS).await?;
    let mut roles = (0..if change == "added" { 2 } else { 3 })
        .map(|number| consumer(&site, number))
        .collect::<Result<Vec<_>>>()?;
    let meter = LoadMeter::start()?;
    roles.iter_mut().try_for_each(Role::start)?;
    until_asked(&site, CHANGING_LINKS / 4).await?;
    match change {
        "added" => {
            let mut added = consumer(&site, roles.len())?;
            added.start()?;
            roles.push(added);
        }
        "stopped" => roles.remove(0).stop().await?,
        _ => roles.remove(0).kill()?,
    }
    site.until_lag_is_zero(LIMIT).await?;
    let load = meter.load()?;
    let stored = site.documents.estimated_document_count().await?;
    ensure!(stored == CHANGING_LINKS as u64, "{stored} documents of {CHANGING_LINKS} links");
    let hits = site.fake.hits();
    let again: u64 = hits.by_video.values().map(|count| count - 1).sum();
    for mut role in roles {
        role.stop().await?;
    }
    site.fake.stop().await;
    let details = json!({ "links": CHANGING_LINKS, "requests": hits.total });
    Ok(Round { ours: again as f64, baseline: None, load, details })
}

fn consumer(site: &Site<KafkaBroker, MongoServer>, number: usize) -> Result<Role> {
    let role = site.role(&format!("consumer-{number}"), "linkrelay-consumer")?;
    Ok(role.envs([("EXTRACTORS", "watch_page")]))
}

async fn until_asked(site: &Site<KafkaBroker, MongoServer>, count: usize) -> Result<()> {
    wait_for("a part of the links", LIMIT, SHORT, async || {
        let hits = site.fake.hits().total;
        if hits >= count as u64 { Ok(()) } else { Err(format!("{hits}")) }
    })
    .await
}
