//! Documents a second into one server: linkrelay's store against the MongoDB sink of Kafka Connect,
//! and beside both a bare `insert_many` loop into a collection without other indexes.
//!
//! The sink writes the very documents that linkrelay's store has written before, given as extended
//! JSON: no transforms, no schema, `InsertOne`, which is its fastest strategy, and as many tasks as
//! linkrelay has batches in flight. It is measured from a quarter of its documents on, when it is
//! warm; its collection has no index but `_id`. linkrelay writes through `LinkStore::write_batch`
//! to a collection with its indexes, and a row for each video beside each document: two inserts for
//! one. All three have the same write concern. All this flatters the sink, but one thing: it reads
//! from Kafka, which `write_batch` does not.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::tools::{free_port, fresh_name};
use linkrelay_testkit::wait::wait_for;
use mongodb::bson::{Bson, Document, RawDocumentBuf};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;

use super::Side;
use crate::bench::settings::BenchSettings;
use crate::kafka::PARTITIONS;
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round};
use crate::sample;
use crate::store::{BATCHES_IN_FLIGHT, DATABASE, MongoSide, raw_documents, write_all};

const DOCUMENTS: usize = 40_000;
const LIMIT: Duration = Duration::from_secs(180);
/// Between two counts of the documents, which cost the server time as well.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What all rounds share.
struct Sink<'a> {
    broker: &'a KafkaBroker,
    home: &'a Path,
    uri: &'a str,
    topic: String,
    raw: Vec<RawDocumentBuf>,
}

pub(super) async fn run(settings: &BenchSettings, broker: &KafkaBroker, home: &Path) -> Result<()> {
    let case = "MongoDB sink of Kafka Connect";
    if !settings.includes(case) {
        return Ok(());
    }
    let uri = MongoServer::shared().await?.uri();
    // A tenth would be over before the sink is warm.
    let count = if settings.quick { DOCUMENTS / 2 } else { DOCUMENTS };
    let raw = raw_documents(uri, count).await?;
    let topic = broker.fresh_topic("peers", PARTITIONS).await?;
    fill(broker, &topic, &raw).await?;
    let sink = Sink { broker, home, uri, topic, raw };
    settings.report(&Measurement {
        benchmark: "peers",
        case: case.to_owned(),
        unit: "documents/s",
        baseline_is: "mongo-kafka-connect with InsertOne",
        target: None,
        rounds: settings.rounds(async |index| sink.round(index).await).await?,
    })
}

impl Sink<'_> {
    async fn round(&self, index: usize) -> Result<Round> {
        let count = self.raw.len();
        let bare_side = MongoSide::without_schema(self.uri).await?;
        let bare = bare_side.bare(&self.raw).await?;
        bare_side.drop().await?;
        let meter = LoadMeter::start()?;
        let (mut ours, mut theirs) = (0.0, 0.0);
        for side in Side::both(index) {
            match side {
                Side::Ours => {
                    let side = MongoSide::fresh(self.uri).await?;
                    ours =
                        write_all(Arc::clone(&side.store) as _, &sample::documents(count)).await?;
                    side.drop().await?;
                }
                Side::Theirs => theirs = self.connect().await?,
            }
        }
        let bytes: usize = self.raw.iter().map(|document| document.as_bytes().len()).sum();
        let details = json!({
            "is_ours_first": Side::both(index)[0] == Side::Ours,
            "documents": count,
            "mean_document_bytes": bytes / count,
            "bare_inserts_with_only_id_per_second": bare.round(),
            "ours_of_bare": (ours / bare * 1e3).round() / 1e3,
            "theirs_of_bare": (theirs / bare * 1e3).round() / 1e3,
        });
        Ok(Round { ours, baseline: Some(theirs), load: meter.load()?, details })
    }

    /// Runs the sink until all documents are there, and returns documents a second.
    async fn connect(&self) -> Result<f64> {
        let side = MongoSide::without_schema(self.uri).await?;
        let folder = tempfile::tempdir()?;
        let mut process = self.start(folder.path(), side.collection.name())?;
        let count = self.raw.len() as u64;
        let reached = async |process: &mut Process, least: u64| {
            let what = format!("{least} documents of the sink");
            let reached = wait_for(&what, LIMIT, POLL_INTERVAL, async || {
                if let Err(ended) = process.ensure_running() {
                    return Ok(Err(ended));
                }
                match side.collection.estimated_document_count().await {
                    Ok(found) if found >= least => Ok(Ok((found, Instant::now()))),
                    Ok(found) => Err(format!("{found}")),
                    Err(error) => Err(error.to_string()),
                }
            });
            reached.await.with_context(|| process.log_tail())?
        };
        let (warm, begun) = reached(&mut process, count / 4).await?;
        let (all, ended) = reached(&mut process, count).await?;
        process.kill()?;
        ensure!(all == count && warm < count, "{warm} and then {all} documents of {count}");
        side.drop().await?;
        Ok((all - warm) as f64 / (ended - begun).as_secs_f64())
    }

    fn start(&self, folder: &Path, collection: &str) -> Result<Process> {
        let (worker, connector) =
            (folder.join("worker.properties"), folder.join("sink.properties"));
        let rest = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let offsets = folder.join("offsets");
        fs::write(&worker, self.worker_properties(rest, &offsets))?;
        fs::write(&connector, self.sink_properties(collection))?;
        ProcessBuilder::new("connect", "java")
            .args(["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"])
            .arg(self.broker.home().join("libs/*"))
            .arg("org.apache.kafka.connect.cli.ConnectStandalone")
            .args([worker, connector])
            .spawn()
    }

    fn worker_properties(&self, rest: SocketAddr, offsets: &Path) -> String {
        let plugins = self.home.join("connect-plugins");
        [
            format!("bootstrap.servers={}", self.broker.bootstrap_servers()),
            format!("plugin.path={}", plugins.display()),
            format!("listeners=http://{rest}"),
            format!("offset.storage.file.filename={}", offsets.display()),
            "key.converter=org.apache.kafka.connect.storage.StringConverter".to_owned(),
            "value.converter=org.apache.kafka.connect.storage.StringConverter".to_owned(),
        ]
        .join("\n")
    }

    fn sink_properties(&self, collection: &str) -> String {
        let joint = if self.uri.contains('?') { '&' } else { '?' };
        let strategy = "com.mongodb.kafka.connect.sink.writemodel.strategy";
        [
            // The name is that of its group, which begins at the topic's beginning each time.
            format!("name={}", fresh_name("sink")),
            "connector.class=com.mongodb.kafka.connect.MongoSinkConnector".to_owned(),
            format!("tasks.max={BATCHES_IN_FLIGHT}"),
            format!("topics={}", self.topic),
            format!("connection.uri={}{joint}w=majority&journal=true", self.uri),
            format!("database={DATABASE}"),
            format!("collection={collection}"),
            format!("writemodel.strategy={strategy}.InsertOneDefaultStrategy"),
            "bulk.write.ordered=false".to_owned(),
            "errors.tolerance=none".to_owned(),
        ]
        .join("\n")
    }
}

/// Writes each document as a record of extended JSON.
async fn fill(broker: &KafkaBroker, topic: &str, raw: &[RawDocumentBuf]) -> Result<()> {
    let mut config = broker.client_config();
    config.set("linger.ms", "20").set("compression.type", "lz4");
    let producer: BaseProducer = config.create()?;
    for document in raw {
        let id = document.get_str("_id")?;
        let value = extended_json(document)?;
        // The default queue holds 100,000 records, and the topic fewer.
        let record = BaseRecord::to(topic).key(id).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
        producer.poll(Duration::ZERO);
    }
    tokio::task::spawn_blocking(move || producer.flush(LIMIT)).await??;
    let ends = broker.end_offsets(topic).await?;
    ensure!(ends.values().sum::<i64>() == i64::try_from(raw.len())?, "not all arrived: {ends:?}");
    Ok(())
}

fn extended_json(document: &RawDocumentBuf) -> Result<String> {
    let document = Document::try_from(document.as_ref())?;
    Ok(Bson::Document(document).into_relaxed_extjson().to_string())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime, doc, rawdoc};

    use super::*;

    #[test]
    fn a_record_of_the_sink_has_the_types_of_the_document() {
        let raw = rawdoc! { "_id": "r:0", "at": DateTime::from_millis(1_000), "views": 5_i64 };
        let json: serde_json::Value = serde_json::from_str(&extended_json(&raw).unwrap()).unwrap();
        assert_eq!(json["at"], json!({ "$date": "1970-01-01T00:00:01Z" }));
        let read = Bson::try_from(json).unwrap();
        assert_eq!(
            read.as_document().unwrap().get("at"),
            doc! { "at": DateTime::from_millis(1_000) }.get("at")
        );
    }
}
