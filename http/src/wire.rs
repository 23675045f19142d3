//! Answers of one part of linkrelay that another part reads or describes.
//!
//! The status of a request and the videos are returned by the producer and printed by the command
//! line; the outcome of links that a client waited for is returned by a consumer through the
//! producer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkFailure, RequestId, Video, VideoId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::intake::ResultEntry;
use crate::openapi::one_of;

/// The status of a request: the answer of `GET /links/{id}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RequestStatus {
    /// The id of the request.
    pub id: RequestId,
    /// How many links there are, with the videos of the lists that are expanded.
    pub total: u32,
    /// Links with metadata.
    pub stored: u32,
    /// Links that will have no metadata.
    pub failed: u32,
    /// Playlists and channels; their videos are counted in `total`.
    pub expanded: u32,
    /// Links without a document yet.
    pub pending: u32,
    /// One page of the links, by index.
    pub links: Vec<LinkEntry>,
    /// The path of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The status of one link of a request.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LinkEntry {
    /// Its index in the request, from 0.
    #[schema(required)]
    pub index: u32,
    /// `pending`, `stored`, `failed` or `expanded`.
    #[schema(schema_with = link_status, required)]
    pub status: Cow<'static, str>,
    /// The link as it was submitted; unknown while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The id of the video that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_id: Option<String>,
    /// The video's title, if the link is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How many videos a list was expanded into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub videos: Option<u32>,
    /// The index of the list's first video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_video_index: Option<u32>,
    /// Why the link failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<LinkFailure>,
}

/// The answer of the waiting path if at least one link has a document.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitAnswer<'a> {
    /// `ok`, or `partial` if some links have no document.
    #[schema(schema_with = ok_or_partial)]
    pub res: &'static str,
    /// The id of the request.
    pub id: RequestId,
    /// Links with metadata.
    pub stored: usize,
    /// Links that will have no metadata.
    pub failed: usize,
    /// The path of the request's status.
    #[schema(example = "/links/0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-2")]
    pub status_url: String,
    /// One for each link.
    pub results: Vec<ResultEntry<'a>>,
}

/// A page of the accepted requests: the answer of `GET /requests`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RequestList {
    /// The requests, those that were accepted last first. There may be fewer than asked for, or
    /// none, although there is a next page.
    pub requests: Vec<RequestEntry>,
    /// The path of the next page, if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One accepted request, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RequestEntry {
    /// The id of the request.
    pub id: RequestId,
    /// When it was first accepted.
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
    /// `kafka` or `waiting`: how it was submitted.
    #[schema(schema_with = kafka_or_waiting)]
    pub path: Cow<'static, str>,
    /// Whether the client sent an Idempotency-Key.
    pub has_key: bool,
    /// How many links there are, with the videos of the lists that are expanded.
    pub total: u32,
    /// Links with metadata.
    pub stored: u32,
    /// Links that will have no metadata.
    pub failed: u32,
    /// Playlists and channels; their videos are counted in `total`.
    pub expanded: u32,
    /// Links without a document yet.
    pub pending: u32,
    /// The path of its status.
    pub status_url: String,
    /// The first links, truncated.
    pub links: Vec<String>,
}

/// The roles that run: the answer of `GET /processes`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProcessList {
    /// By role, then by instance.
    pub processes: Vec<ProcessEntry>,
}

/// One role of one process, as of its last beat. What another role has is left out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProcessEntry {
    /// `consumer` or `producer`.
    #[schema(schema_with = consumer_or_producer)]
    pub role: Cow<'static, str>,
    /// `KAFKA_GROUP_INSTANCE_ID`, or a name that no other has.
    pub instance: String,
    /// `running`, or `gone` if more than three beats are missing.
    #[schema(schema_with = running_or_gone)]
    pub status: Cow<'static, str>,
    /// Its version of linkrelay.
    pub version: String,
    /// The machine or container.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// When it started, by its own clock.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it last beat, by the store's clock.
    #[schema(value_type = String, format = DateTime)]
    pub beat_at: Timestamp,
    /// How long ago that was.
    pub silent_seconds: f64,
    /// Where it answers HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_addr: Option<String>,
    /// The partitions that a consumer has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<i32>>,
    /// A consumer's records that are taken and not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u64>,
    /// Records between a consumer's commits and the ends of its partitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// A consumer's breaker: `closed` or `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<String>,
    /// Until when a consumer asks YouTube nothing, by its clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cool_down_until: Option<Timestamp>,
    /// Records that a consumer completed, since the beat before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links_per_second: Option<f64>,
    /// Requests that a producer accepted, since the beat before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_per_second: Option<f64>,
    /// Requests that a producer answered 503, since the beat before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable_per_second: Option<f64>,
}

/// A page of videos: the answer of `GET /videos`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VideoList {
    /// How many videos the query selects, if it asks for the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The videos. There may be fewer than asked for, or none, although there is a next page.
    pub videos: Vec<VideoEntry>,
    /// The path of the next page, if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One video, over all links that named it. What is not known is null.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VideoEntry {
    /// The video's id.
    pub video_id: VideoId,
    /// `stored` if there is metadata, else `failed`.
    #[schema(schema_with = stored_or_failed)]
    pub status: Cow<'static, str>,
    /// When the first link that named it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub first_seen_at: Timestamp,
    /// When the last link that named it was submitted.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// When YouTube gave the metadata.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub extracted_at: Option<Timestamp>,
    /// The extractor's strategy that found it.
    pub source: Option<String>,
    /// The newest metadata.
    pub video: Option<Video>,
    /// When a link last failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<LinkFailure>,
}

/// One row of an export: `GET /export`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportRow {
    /// The video.
    #[serde(flatten)]
    pub video: VideoEntry,
    /// What to give as `after` to go on behind this row.
    pub cursor: String,
}

/// The last line of a complete export in NDJSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEnd {
    /// Always true.
    pub end: bool,
    /// How many rows were before it.
    pub rows: u64,
}

/// How many documents and videos there are: the answer of `GET /stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statistics {
    /// When they were counted: at most once a minute for all clients.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// All documents.
    pub documents_total: u64,
    /// The documents by status.
    pub documents: BTreeMap<String, u64>,
    /// The videos.
    pub videos: VideoTotals,
    /// The channels with the most videos, those with the most first.
    pub top_channels: Vec<ChannelVideos>,
}

/// How many videos there are. What is not known is counted as `unknown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VideoTotals {
    /// All videos.
    pub total: u64,
    /// Those with metadata.
    pub stored: u64,
    /// Those without.
    pub failed: u64,
    /// The stored ones by availability.
    pub by_availability: BTreeMap<String, u64>,
    /// The stored ones by the extractor's strategy that found the newest metadata.
    pub by_source: BTreeMap<String, u64>,
    /// The failed ones by the class of their last error.
    pub by_error_class: BTreeMap<String, u64>,
    /// When the first of all links was submitted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_seen_at: Option<Timestamp>,
    /// When the last of all links was submitted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
}

/// How many videos a channel has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelVideos {
    /// The channel's id.
    pub channel_id: String,
    /// Its name in the metadata of its newest video, if known.
    pub name: Option<String>,
    /// How many of its videos are stored.
    pub videos: u64,
}

/// One video and the links that named it: the answer of `GET /videos/{video_id}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VideoDetail {
    /// The video.
    #[serde(flatten)]
    pub video: VideoEntry,
    /// How many links named it.
    pub links_count: u64,
    /// A page of these links, the last stored first; their numbers are the history of views and
    /// likes.
    pub links: Vec<VideoLinkEntry>,
    /// The path of the next page, if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One link that named a video.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VideoLinkEntry {
    /// The id of the link's document.
    pub id: DocumentId,
    /// The request; null for a record without one.
    pub request_id: Option<RequestId>,
    /// Its index in the request or record.
    pub index: u32,
    /// The link as it was submitted.
    pub link: String,
    /// `stored`, `failed` or `expanded`.
    #[schema(schema_with = link_status)]
    pub status: Cow<'static, str>,
    /// When it was submitted, if known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub submitted_at: Option<Timestamp>,
    /// When YouTube gave the metadata.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub extracted_at: Option<Timestamp>,
    /// When its document was written.
    #[schema(value_type = String, format = DateTime)]
    pub stored_at: Timestamp,
    /// The views at that time.
    pub view_count: Option<u64>,
    /// The likes at that time.
    pub like_count: Option<u64>,
    /// The code of the error, if it failed.
    pub error: Option<String>,
}

/// The schema of `res`.
pub fn ok_or_partial() -> Object {
    one_of(["ok", "partial"])
}

fn link_status() -> Object {
    one_of(["pending", "stored", "failed", "expanded"])
}

fn kafka_or_waiting() -> Object {
    one_of(["kafka", "waiting"])
}

fn consumer_or_producer() -> Object {
    one_of(["consumer", "producer"])
}

fn running_or_gone() -> Object {
    one_of(["running", "gone"])
}

fn stored_or_failed() -> Object {
    one_of(["stored", "failed"])
}
