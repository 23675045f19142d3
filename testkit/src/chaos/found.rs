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
pub(super) struct FoundDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) link: String,
    pub(super) video_id: Option<String>,
    /// `stored` or `failed`.
    pub(super) status: String,
    pub(super) error: Option<FoundError>,
    pub(super) video: Option<FoundVideo>,
}

impl FoundDocument {
    /// The class of its error.
    pub(super) fn class(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.class.as_str())
    }
}

/// The reason of a failed document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct FoundError {
    /// The class; `transient` if attempts ran out.
    pub(super) class: String,
}

/// The metadata of a stored document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct FoundVideo {
    /// The fake YouTube derives it from the video's id, so it proves which video this is.
    pub(super) title: String,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) records: Vec<TopicRecord>,
    pub(super) documents: Vec<FoundDocument>,
    pub(super) dead_letters: Vec<TopicRecord>,
    /// The group's offsets by partition.
    pub(super) committed: BTreeMap<i32, Option<i64>>,
    /// The topic's end by partition.
    pub(super) ends: BTreeMap<i32, i64>,
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
