//! What one link costs, measured with the roles as processes on a real broker.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_store::{LinkDocument, SqliteStore};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::{Role, Site};
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};

use crate::kafka::PARTITIONS;
use crate::load::closed_loop::PATH;
use crate::load::connection::Connection;
use crate::machine::{processor_time, resident_bytes};
use crate::many_videos;
use crate::sample::{body, link};
use crate::store::write_all;

const LATENCY: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(600);
/// The links of the larger requests.
const LINKS_PER_REQUEST: usize = 100;
/// Of the texts in the SQLite file.
const SEED: u64 = 18;

/// What one link costs, of a request of its own and of one of a hundred.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Costs {
    pub(super) page_bytes: usize,
    /// Links in each of the two measurements.
    pub(super) links: usize,
    pub(super) alone: PathCosts,
    pub(super) of_a_hundred: PathCosts,
    /// The most that the consumer's process held.
    pub(super) consumer_mib: f64,
    pub(super) producer_mib: f64,
    /// A document and the row of its video, as BSON, without indexes and compression.
    pub(super) bson_bytes: f64,
    /// The part of a SQLite file that a link has, with all indexes.
    pub(super) sqlite_bytes: f64,
    /// Requests to YouTube, if every link names another video.
    pub(super) requests_to_youtube: f64,
}

/// What depends on how many links a request has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PathCosts {
    pub(super) producer_cpu_ms: f64,
    pub(super) consumer_cpu_ms: f64,
    /// One copy of its record in the topic.
    pub(super) kafka_bytes: f64,
}

/// Measures them with pages of this size; `links_count` links in both kinds of requests.
pub(super) async fn measure(page_bytes: usize, links_count: usize) -> Result<Costs> {
    let youtube = FakeYouTubeSettings { latency: LATENCY, page_bytes, ..Default::default() };
    let (broker, mongo) = tokio::try_join!(KafkaBroker::start(), MongoServer::start())?;
    let site = Site::start(broker, mongo, youtube).await?;
    site.create_topics(PARTITIONS).await?;
    let mut roles = Roles::start(&site).await?;
    let alone = roles.path(&site, 0, links_count, 1).await?;
    let of_a_hundred = roles.path(&site, links_count, links_count, LINKS_PER_REQUEST).await?;
    let stored = site.documents.estimated_document_count().await?;
    ensure!(stored == 2 * links_count as u64, "{stored} documents were stored");
    let costs = Costs {
        page_bytes,
        links: links_count,
        alone,
        of_a_hundred,
        consumer_mib: roles.consumer_mib,
        producer_mib: roles.producer_mib,
        bson_bytes: mean_bytes(&site).await?,
        sqlite_bytes: sqlite_bytes(links_count).await?,
        requests_to_youtube: site.fake.hits().total as f64 / (2 * links_count) as f64,
    };
    roles.stop().await?;
    site.fake.stop().await;
    Ok(costs)
}

/// A producer and a consumer, and the most memory that each had.
struct Roles {
    producer: Role,
    consumer: Role,
    producer_mib: f64,
    consumer_mib: f64,
}

impl Roles {
    async fn start(site: &Site<KafkaBroker, MongoServer>) -> Result<Self> {
        let mut producer = site.role("producer", "linkrelay-producer")?;
        let consumer = site.role("consumer", "linkrelay-consumer")?;
        let mut consumer = consumer.envs([("EXTRACTORS", "watch_page")]);
        producer.start()?;
        consumer.start()?;
        producer.until_ready().await?;
        consumer.until_ready().await?;
        Ok(Self { producer, consumer, producer_mib: 0.0, consumer_mib: 0.0 })
    }

    /// Posts links one request after the other, and waits until all are stored.
    async fn path(
        &mut self,
        site: &Site<KafkaBroker, MongoServer>,
        first: usize,
        links_count: usize,
        links_per_request: usize,
    ) -> Result<PathCosts> {
        let (producer, consumer) = (self.producer.process()?.pid(), self.consumer.process()?.pid());
        let bytes_before = site.broker.topic_bytes(&site.topic)?;
        let (producer_before, consumer_before) =
            (processor_time(producer)?, processor_time(consumer)?);
        let mut connection = Connection::open(self.producer.addr(), PATH, None).await?;
        for first in (first..first + links_count).step_by(links_per_request) {
            let links: Vec<String> = (first..first + links_per_request).map(link).collect();
            let response = connection.post(body(&links).as_bytes()).await?;
            ensure!(response.status == 201, "a POST was answered {}", response.status);
            self.consumer_mib = self.consumer_mib.max(mib(consumer)?);
        }
        let producer_cpu = processor_time(producer)?.saturating_sub(producer_before);
        site.until_lag_is_zero(LIMIT).await?;
        let consumer_cpu = processor_time(consumer)?.saturating_sub(consumer_before);
        self.consumer_mib = self.consumer_mib.max(mib(consumer)?);
        self.producer_mib = self.producer_mib.max(mib(producer)?);
        let each = |total: f64| total / links_count as f64;
        Ok(PathCosts {
            producer_cpu_ms: each(producer_cpu.as_secs_f64() * 1e3),
            consumer_cpu_ms: each(consumer_cpu.as_secs_f64() * 1e3),
            kafka_bytes: each((site.broker.topic_bytes(&site.topic)? - bytes_before) as f64),
        })
    }

    async fn stop(mut self) -> Result<()> {
        self.producer.stop().await?;
        self.consumer.stop().await
    }
}

fn mib(pid: u32) -> Result<f64> {
    Ok(resident_bytes(pid)? as f64 / (1_024.0 * 1_024.0))
}

/// Returns the mean size of a document with the row of its video.
async fn mean_bytes(site: &Site<KafkaBroker, MongoServer>) -> Result<f64> {
    let one = |id: Option<Document>| id.context("nothing was stored");
    let document = one(site.documents.find_one(doc! { "index": 0 }).await?)?;
    let video = one(site.videos.find_one(doc! {}).await?)?;
    Ok((mongodb::bson::to_vec(&document)?.len() + mongodb::bson::to_vec(&video)?.len()) as f64)
}

/// Returns the bytes of a SQLite file for each document, with its rows and indexes.
async fn sqlite_bytes(count: usize) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("linkrelay.sqlite");
    let store = Arc::new(SqliteStore::open(&file)?);
    let documents: Vec<LinkDocument> = many_videos::documents(SEED).take(count).collect();
    write_all(Arc::clone(&store) as _, &documents).await?;
    store.close().await;
    // Not the file's own size: a part is in the write-ahead log.
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: i64 = rusqlite::Connection::open(&file)?.query_row(size, [], |row| row.get(0))?;
    Ok(bytes as f64 / count as f64)
}
