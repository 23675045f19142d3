//! Asks the YouTube Data API v3. It needs a key, is not throttled like a page, and has no chapters,
//! no subscribers, and not whether a video can be played.
//!
//! A call costs one unit of the daily quota whether it asks for one video or for fifty, so
//! [`coalesce`] combines requests that come at about the same time. [`api`] makes the calls;
//! [`answer`] reads the answers; [`stand_down`] is how long the API is not asked after it has
//! refused. [`lists`] asks the same API, with the same key, for the videos of playlists and
//! channels, and [`list_answer`] reads those answers.
//!
//! It is independent of the gate for youtube.com: the API is another service with its own limits.

mod answer;
mod api;
mod categories;
mod coalesce;
mod list_answer;
mod lists;
mod stand_down;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;

pub(crate) use api::DataApiClient;
pub(crate) use lists::ListLookup;

use self::coalesce::{Coalescer, VideoAnswers};
use super::StrategyName;
use crate::Strategy;
use crate::error::ExtractError;

/// The strategy `data_api`.
#[derive(Debug)]
pub(crate) struct DataApi {
    api: Arc<DataApiClient>,
    /// Started by the first request, because it needs a runtime.
    coalescer: OnceLock<Coalescer>,
}

impl DataApi {
    pub(crate) fn new(api: Arc<DataApiClient>) -> Self {
        Self { api, coalescer: OnceLock::new() }
    }

    fn coalescer(&self) -> &Coalescer {
        self.coalescer.get_or_init(|| {
            let api = self.api.clone();
            Coalescer::start(move |video_ids| {
                let api = api.clone();
                Box::pin(async move { call(&api, &video_ids).await })
            })
        })
    }
}

#[async_trait]
impl Strategy for DataApi {
    fn name(&self) -> &'static str {
        StrategyName::DataApi.as_str()
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        self.api.check()?;
        self.coalescer().ask(video_id).await
    }
}

/// Makes one call and returns an answer for each of these ids.
async fn call(api: &DataApiClient, video_ids: &[VideoId]) -> VideoAnswers {
    match api.videos(video_ids).await {
        Ok(answers) => answers,
        Err(error) => video_ids.iter().map(|id| (*id, Err(error.clone()))).collect(),
    }
}

/// Reads a page of a playlist: its videos, and the token of the next page; for tests.
#[cfg(feature = "properties")]
pub fn playlist_page(body: &[u8]) -> Result<(Vec<VideoId>, Option<String>), ExtractError> {
    list_answer::page(body).map(|page| (page.video_ids, page.next_token))
}

/// Reads the playlist of all videos of a channel, for tests.
#[cfg(feature = "properties")]
pub fn uploads(body: &[u8], channel_id: Option<&str>) -> Result<Option<String>, ExtractError> {
    list_answer::uploads(body, channel_id)
}

/// Reads the answer about one video, for tests.
#[cfg(any(test, feature = "properties"))]
pub(crate) fn read_one(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let mut answers = answer::videos(body, &[video_id])?;
    let missing = || Err(ExtractError::Unreadable("missing".to_owned()));
    answers.remove(&video_id).unwrap_or_else(missing)
}
