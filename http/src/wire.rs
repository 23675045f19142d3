//! Answers of one part of linkrelay that another part reads: the status of a request, which the
//! producer returns and the command line prints.

use std::borrow::Cow;

use linkrelay_common::{LinkFailure, RequestId};
use serde::{Deserialize, Serialize};

/// The status of a request: the answer of `GET /links/{id}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkEntry {
    /// Its index in the request, from 0.
    pub index: u32,
    /// `pending`, `stored`, `failed` or `expanded`.
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
