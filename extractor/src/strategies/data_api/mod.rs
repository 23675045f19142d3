//! The YouTube Data API v3: needs a key, is never throttled like a page, and knows nothing of
//! chapters, subscribers or whether a video plays.
//!
//! A call costs one unit of the day's quota whether it asks for one video or for fifty, so
//! [`coalesce`] gathers what is asked at about the same time. [`api`] makes the calls; [`answer`]
//! reads what comes back; [`stand_down`] is how long to leave the API alone after it has said no.
//! [`lists`] asks the same API, with the same key, for the videos of playlists and channels, and
//! [`list_answer`] reads those answers.
//!
//! It is not slowed down by what the pages of YouTube say: it is another service, with limits of
//! its own.

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

pub(crate) use api::Api;
pub(crate) use lists::Lists;

use self::coalesce::{Answers, Coalescer};
use super::StrategyName;
use crate::Strategy;
use crate::error::ExtractError;

/// See the module.
#[derive(Debug)]
pub(crate) struct DataApi {
    api: Arc<Api>,
    /// Begins with the first question, because it needs a runtime.
    coalescer: OnceLock<Coalescer>,
}

impl DataApi {
    pub(crate) fn new(api: Arc<Api>) -> Self {
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

/// An answer for each of these ids.
async fn call(api: &Api, video_ids: &[VideoId]) -> Answers {
    match api.videos(video_ids).await {
        Ok(answers) => answers,
        Err(error) => video_ids.iter().map(|id| (*id, Err(error.clone()))).collect(),
    }
}

/// The answer about one video, for tests.
#[cfg(test)]
pub(super) fn read_one(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let mut answers = answer::videos(body, &[video_id])?;
    let forgotten = || Err(ExtractError::Unreadable("forgotten".to_owned()));
    answers.remove(&video_id).unwrap_or_else(forgotten)
}
