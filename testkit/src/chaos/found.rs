//! What is there at the end of a run: records, documents, dead letters, offsets. It only gathers.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use mongodb::bson::doc;
use serde::Deserialize;

use crate::kafka::{KafkaCluster, TopicRecord};
use crate::mongo::MongoServer;
use crate::site::Site;

/// The fields of a document that are checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundDocument {
    /// Its id.
    #[serde(rename = "_id")]
    pub id: String,
    /// The link as it was sent.
    pub link: String,
    /// The video that it names.
    pub video_id: Option<String>,
    /// `stored` or `failed`.
    pub status: String,
    /// The reason, if it failed.
    pub error: Option<FoundError>,
    /// The metadata, if it is stored.
    pub video: Option<FoundVideo>,
}

impl FoundDocument {
    /// The class of its error.
    pub fn class(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.class.as_str())
    }
}

/// The reason of a failed document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundError {
    /// The class; `transient` if attempts ran out.
    pub class: String,
}

/// The metadata of a stored document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundVideo {
    /// The fake YouTube derives it from the video's id, so it proves which video this is.
    pub title: String,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The records of the topic.
    pub records: Vec<TopicRecord>,
    /// The documents.
    pub documents: Vec<FoundDocument>,
    /// The records of the topic of dead letters.
    pub dead_letters: Vec<TopicRecord>,
    /// The group's offsets by partition.
    pub committed: BTreeMap<i32, Option<i64>>,
    /// The topic's end by partition.
    pub ends: BTreeMap<i32, i64>,
}

impl Found {
    /// Gathers everything; linkrelay must have stopped.
    pub(super) async fn gather(site: &Site<KafkaCluster, MongoServer>) -> Result<Self> {
        let broker = site.broker.node(0);
        let fields =
            doc! { "link": 1, "video_id": 1, "status": 1, "error.class": 1, "video.title": 1 };
        let documents = site.documents.clone_with_type::<FoundDocument>();
        let documents = documents.find(doc! {}).projection(fields).await;
        let documents = documents.context("reading the documents")?.try_collect().await;
        Ok(Self {
            records: broker.topic_records(&site.topic).await?,
            documents: documents.context("reading the documents")?,
            dead_letters: site.dead_letters().await?,
            committed: broker.committed(site.group(), &site.topic).await?,
            ends: broker.end_offsets(&site.topic).await?,
        })
    }
}
