//! Servers, processes and a YouTube for one run, all of them its own.

use std::path::Path;

use anyhow::Result;
use rdkafka::config::ClientConfig;

use super::cluster::Cluster;
use super::evidence::Places;
use super::role::Role;
use super::schedule::{Brokers, CONSUMERS, Target};
use super::server::Server;
use super::settings::{ChaosSettings, PARTITIONS};
use crate::kafka::{KafkaBroker, KafkaCluster};
use crate::mongo::MongoServer;
use linkrelay_fake_youtube::FakeYouTube;

const TOPIC: &str = "LINKS-YOUTUBE";
const DLQ_TOPIC: &str = "LINKS-YOUTUBE.dlq";
const GROUP: &str = "linkrelay";
const DATABASE: &str = "linkrelay";
const COLLECTION: &str = "youtube";
/// What the log tells of: every retry and every late completion, but not every link.
const LOG_FILTER: &str =
    "info,linkrelay_consumer=debug,librdkafka=info,rdkafka=warn,mongodb=warn,hyper=warn,h2=warn";

/// Where things are, while servers come and go.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) kafka: ClientConfig,
    pub(super) mongodb_uri: String,
    pub(super) producer_url: String,
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct World {
    pub(super) fake: FakeYouTube,
    pub(super) addresses: Addresses,
    pub(super) servers: Vec<(Target, Server)>,
}

impl World {
    /// Starts the servers, the producer and one consumer.
    ///
    /// # Errors
    /// If a tool or binary is missing, or a server does not start.
    pub(super) async fn start(settings: &ChaosSettings, log_dir: &Path) -> Result<Self> {
        let fake = FakeYouTube::start(settings.youtube()).await?;
        // One that may forget what it acknowledged would be counted as linkrelay's loss.
        let (kafka, store) =
            tokio::try_join!(start_kafka(settings.brokers), MongoServer::start_durable())?;
        let broker = kafka.broker()?;
        broker.create_topic(TOPIC, PARTITIONS).await?;
        broker.create_topic(DLQ_TOPIC, 1).await?;
        let shared = shared_env(broker, &store, &fake);
        let mut producer = {
            let env = shared.iter().cloned().chain(ChaosSettings::producer_env()).collect();
            Role::new("producer", "linkrelay-producer", env, log_dir)?
        };
        producer.start()?;
        let addresses = Addresses {
            kafka: broker.client_config(),
            mongodb_uri: store.uri().to_owned(),
            producer_url: producer.url(),
        };
        let mut servers = vec![
            (Target::Broker, kafka),
            (Target::Store, Server::Store(Box::new(store))),
            (Target::Producer, Server::Role(Box::new(producer))),
        ];
        for number in 0..CONSUMERS {
            let env = shared.iter().cloned().chain(settings.consumer_env(number)).collect();
            let name = format!("consumer-{number}");
            let mut consumer = Role::new(&name, "linkrelay-consumer", env, log_dir)?;
            if number == 0 {
                consumer.start()?;
            }
            servers.push((Target::Consumer(number), Server::Role(Box::new(consumer))));
        }
        Ok(Self { fake, addresses, servers })
    }
}

impl Addresses {
    pub(super) fn topic(&self) -> &'static str {
        TOPIC
    }

    pub(super) fn places(&self) -> Places<'_> {
        Places {
            topic: TOPIC,
            dlq_topic: DLQ_TOPIC,
            group: GROUP,
            mongodb_uri: &self.mongodb_uri,
            database: DATABASE,
            collection: COLLECTION,
        }
    }
}

async fn start_kafka(brokers: Brokers) -> Result<Server> {
    Ok(match brokers {
        Brokers::One => Server::Broker(Box::new(KafkaBroker::start().await?)),
        Brokers::Three => {
            let cluster = KafkaCluster::start().await?;
            Server::Cluster(Cluster::new(cluster, TOPIC, GROUP))
        }
    })
}

fn shared_env(
    broker: &KafkaBroker,
    store: &MongoServer,
    fake: &FakeYouTube,
) -> Vec<(&'static str, String)> {
    vec![
        ("KAFKA_BROKERS", broker.bootstrap_servers()),
        ("KAFKA_TOPIC", TOPIC.to_owned()),
        ("KAFKA_DLQ_TOPIC", DLQ_TOPIC.to_owned()),
        ("KAFKA_GROUP_ID", GROUP.to_owned()),
        ("MONGODB_URI", store.uri().to_owned()),
        ("MONGODB_DATABASE", DATABASE.to_owned()),
        ("MONGODB_COLLECTION", COLLECTION.to_owned()),
        ("YOUTUBE_BASE_URL", fake.base_url()),
        ("YOUTUBE_CA_CERT", fake.ca_cert_path().display().to_string()),
        ("RUST_LOG", LOG_FILTER.to_owned()),
        // Its log goes to a file, where somebody may have to search it.
        ("NO_COLOR", "1".to_owned()),
    ]
}
