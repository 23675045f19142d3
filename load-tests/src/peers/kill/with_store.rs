//! Three `linkrelay-consumer` processes on a MongoDB-wire store, of which one is killed.

use anyhow::{Result, ensure};
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use jiff::Timestamp;
use linkrelay_common::RecordOrigin;
use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::{Role, Site};
use mongodb::bson::{self, Document, doc};

use super::{Delivery, LATENCY, LIMIT, LOADED, Outcome, PARTITIONS, PROCESSES, session_setting};
use crate::kafka::write_links;
use crate::machine::LoadMeter;
use crate::peers::IN_FLIGHT;

/// Enough for half a minute.
const LINKS: usize = 90_000;

pub(super) async fn outcome(broker: &KafkaBroker) -> Result<Outcome> {
    let youtube = FakeYouTubeSettings { latency: LATENCY, ..FakeYouTubeSettings::default() };
    let site = Site::start(broker, MongoServer::start().await?, youtube).await?;
    site.create_topics(PARTITIONS).await?;
    write_links(broker, &site.topic, LINKS).await?;
    let in_flight = IN_FLIGHT.to_string();
    let session = session_setting();
    let mut roles = Vec::new();
    for number in 0..PROCESSES {
        let role = site.role(&format!("consumer-{number}"), "linkrelay-consumer")?;
        let mut role = role.envs([
            ("EXTRACTORS", "watch_page"),
            ("KAFKA_CONFIG", &session),
            ("MAX_IN_FLIGHT", &in_flight),
            ("CONCURRENCY_PER_PARTITION", &in_flight),
        ]);
        role.start()?;
        roles.push(role);
    }
    try_join_all(roles.iter().map(Role::until_ready)).await?;
    let meter = LoadMeter::start()?;
    tokio::time::sleep(LOADED).await;
    let killed_ms = Timestamp::now().as_millisecond();
    roles.remove(0).kill()?;
    site.until_lag_is_zero(LIMIT).await?;
    let load = meter.load()?;
    let deliveries = stored(&site).await?;
    ensure!(deliveries.len() == LINKS, "{} documents", deliveries.len());
    let again = site.fake.hits().by_video.values().map(|count| count - 1).sum();
    for mut role in roles {
        role.stop().await?;
    }
    site.fake.stop().await;
    Ok(Outcome { deliveries, killed_ms, again, load })
}

async fn stored(site: &Site<&KafkaBroker, MongoServer>) -> Result<Vec<Delivery>> {
    let fields = doc! { "stored_at": 1, "kafka": 1 };
    let found = site.documents.find(Document::new()).projection(fields).await?;
    let delivery = async |document: Document| {
        let at_ms = document.get_datetime("stored_at").map(|at| at.timestamp_millis());
        let origin = document.get("kafka").cloned().unwrap_or_default();
        let origin: Result<RecordOrigin, _> = bson::from_bson(origin);
        Ok((at_ms, origin))
    };
    let read: Vec<_> = found.and_then(delivery).try_collect().await?;
    read.into_iter().map(|(at_ms, origin)| Ok((at_ms?, origin?.partition.0))).collect()
}
