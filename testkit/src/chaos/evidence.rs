//! What is there at the end: records, documents, dead letters, offsets. Only gathers; `check`
//! judges.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use mongodb::Client;
use mongodb::bson::doc;
use serde::Deserialize;

use crate::kafka::{KafkaBroker, TopicRecord};

/// A document, as far as it is checked.
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
    /// Why, if failed.
    pub error: Option<FoundError>,
    /// What was found, if stored.
    pub video: Option<FoundVideo>,
}

/// A failed document's reason.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundError {
    /// The class; `transient` if attempts ran out.
    pub class: String,
}

/// A stored document's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FoundVideo {
    /// Made up from the video's id, so it proves that the metadata is of this video.
    pub title: String,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The topic.
    pub records: Vec<TopicRecord>,
    /// The collection.
    pub documents: Vec<FoundDocument>,
    /// The topic of dead letters.
    pub dead_letters: Vec<TopicRecord>,
    /// The group's offsets by partition.
    pub committed: BTreeMap<i32, Option<i64>>,
    /// The topic's end by partition.
    pub ends: BTreeMap<i32, i64>,
}

/// Where to look.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub(super) topic: &'a str,
    pub(super) dlq_topic: &'a str,
    pub(super) group: &'a str,
    pub(super) mongodb_uri: &'a str,
    pub(super) database: &'a str,
    pub(super) collection: &'a str,
}

/// Gathers all of it. Whoever writes must have ended.
///
/// # Errors
/// If broker or store do not answer.
pub(super) async fn gather(broker: &KafkaBroker, places: &Places<'_>) -> Result<Found> {
    Ok(Found {
        records: broker.topic_records(places.topic).await?,
        documents: documents(places).await.context("reading the documents")?,
        dead_letters: broker.topic_records(places.dlq_topic).await?,
        committed: broker.committed(places.group, places.topic).await?,
        ends: broker.end_offsets(places.topic).await?,
    })
}

async fn documents(places: &Places<'_>) -> Result<Vec<FoundDocument>> {
    let client = Client::with_uri_str(places.mongodb_uri).await?;
    let collection =
        client.database(places.database).collection::<FoundDocument>(places.collection);
    let fields = doc! { "link": 1, "video_id": 1, "status": 1, "error.class": 1, "video.title": 1 };
    let found = collection.find(doc! {}).projection(fields).await?;
    Ok(found.try_collect().await?)
}
