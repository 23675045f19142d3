//! The headers of a result: what a subscriber can choose by without reading the value.

use rdkafka::message::OwnedHeaders;

use super::{TRUNCATED, with};

/// The version of a result's value. It grows when a field changes its meaning or is removed; a new
/// field is no new version.
pub const RESULT_SCHEMA_VERSION: u32 = 1;

const VIDEO_ID: &str = "linkrelay-video-id";
const STATUS: &str = "linkrelay-status";
const SCHEMA_VERSION: &str = "linkrelay-schema-version";

/// What the headers of a result say of its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultHeaders {
    /// The video's id; absent if the link names none.
    pub video_id: Option<String>,
    /// The document's status.
    pub status: String,
    /// How many bytes the value has without truncation; absent if it is not truncated.
    pub truncated_bytes: Option<usize>,
}

impl ResultHeaders {
    /// Returns the headers as they are published.
    pub fn to_kafka(&self) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new_with_capacity(4);
        if let Some(video_id) = &self.video_id {
            headers = with(headers, VIDEO_ID, video_id);
        }
        headers = with(headers, STATUS, &self.status);
        headers = with(headers, SCHEMA_VERSION, &RESULT_SCHEMA_VERSION.to_string());
        if let Some(bytes) = self.truncated_bytes {
            headers = with(headers, TRUNCATED, &bytes.to_string());
        }
        headers
    }
}
