//! One linkrelay for one test: a broker, a store and a fake YouTube, with a topic, a group and a
//! database that no other test has; and linkrelay's roles as processes on them.
//!
//! A test that kills a server brings its own; the others share one of each in a test process. It
//! must not know: what a test sends or expects, or how linkrelay works inside.

mod role;

use std::borrow::Borrow;
use std::time::Duration;

use anyhow::Result;
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use mongodb::bson::Document;
use mongodb::{Client, Collection};

use crate::kafka::{KafkaBroker, TopicRecord};
use crate::mongo::MongoServer;
use crate::process::workspace_binary;
use crate::tools::fresh_name;
use crate::wait::{SHORT, wait_for};

pub use role::Role;

/// The servers and names of one test. The broker can also be a cluster.
#[derive(Debug)]
pub struct Site<B = &'static KafkaBroker, M = &'static MongoServer> {
    /// The broker.
    pub broker: B,
    /// The store.
    pub mongo: M,
    /// The YouTube that the roles ask.
    pub fake: FakeYouTube,
    /// The topic of links, whose name is also that of the group.
    pub topic: String,
    /// The topic of dead letters.
    pub dlq: String,
    /// The database of the documents.
    pub database: String,
    /// The documents.
    pub documents: Collection<Document>,
    /// The rows of videos.
    pub videos: Collection<Document>,
}

impl<B: Borrow<KafkaBroker>, M: Borrow<MongoServer>> Site<B, M> {
    /// Starts the fake YouTube and chooses the names; the topics do not exist yet.
    ///
    /// # Errors
    /// If the fake YouTube does not start.
    pub async fn start(broker: B, mongo: M, youtube: FakeYouTubeSettings) -> Result<Self> {
        let (topic, database) = (fresh_name("LINKS"), fresh_name("linkrelay"));
        let client = Client::with_uri_str(mongo.borrow().uri()).await?;
        Ok(Self {
            broker,
            mongo,
            fake: FakeYouTube::start(youtube).await?,
            dlq: format!("{topic}.dlq"),
            topic,
            documents: client.database(&database).collection("youtube"),
            videos: client.database(&database).collection("videos"),
            database,
        })
    }

    /// Creates both topics; the topic of dead letters has one partition.
    ///
    /// # Errors
    /// If they exist, or the broker does not answer.
    pub async fn create_topics(&self, partitions_count: i32) -> Result<()> {
        self.broker.borrow().create_topic(&self.topic, partitions_count).await?;
        self.broker.borrow().create_topic(&self.dlq, 1).await
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.topic
    }

    /// The settings that lead every role and command to this site.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA_BROKERS", self.broker.borrow().bootstrap_servers()),
            ("KAFKA_TOPIC", self.topic.clone()),
            ("KAFKA_DLQ_TOPIC", self.dlq.clone()),
            ("KAFKA_GROUP_ID", self.group().to_owned()),
            ("MONGODB_URI", self.mongo.borrow().uri().to_owned()),
            ("MONGODB_DATABASE", self.database.clone()),
            ("YOUTUBE_BASE_URL", self.fake.base_url()),
            ("YOUTUBE_CA_CERT", self.fake.ca_cert_path().display().to_string()),
        ]
    }

    /// A role of this site that is not started yet: `binary` is a program of this workspace.
    ///
    /// # Errors
    /// If the binary has not been built, or there is no free port.
    pub fn role(&self, name: &str, binary: &str) -> Result<Role> {
        Ok(Role::new(name, workspace_binary(binary)?)?.envs(self.env()))
    }

    /// How many records of the topic the group has not committed yet.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn lag(&self) -> Result<i64> {
        self.broker.borrow().lag(self.group(), &self.topic).await
    }

    /// Waits until the group has committed every record.
    ///
    /// # Errors
    /// If it has not within `limit`.
    pub async fn until_lag_is_zero(&self, limit: Duration) -> Result<()> {
        wait_for("the lag to be 0", limit, SHORT * 10, async || match self.lag().await {
            Ok(0) => Ok(()),
            Ok(lag) => Err(format!("lag {lag}")),
            Err(error) => Err(format!("{error:#}")),
        })
        .await
    }

    /// The records of the topic of dead letters.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn dead_letters(&self) -> Result<Vec<TopicRecord>> {
        self.broker.borrow().topic_records(&self.dlq).await
    }
}
