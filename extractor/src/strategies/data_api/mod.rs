//! The YouTube Data API v3: needs a key, is never throttled like a page, and knows nothing of
//! chapters, subscribers or whether a video plays.
//!
//! A call costs one unit of the day's quota whether it asks for one video or for fifty, so
//! [`coalesce`] gathers what is asked at about the same time. [`answer`] reads what comes back;
//! [`stand_down`] is how long to leave the API alone after it has said no.
//!
//! It is not slowed down by what the pages of YouTube say: it is another service, with limits of
//! its own.

mod answer;
mod categories;
mod coalesce;
mod stand_down;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use reqwest::header::HeaderValue;

use self::answer::Problem;
use self::coalesce::{Answers, Coalescer};
use self::stand_down::StandDown;
use super::StrategyName;
use crate::Strategy;
use crate::client::YouTubeClient;
use crate::error::ExtractError;

/// All of them together cost what one of them costs.
const PARTS: &str = "snippet,contentDetails,statistics,status";
/// For "so many calls a minute"; the API says no time of its own.
const RATE_REST: Duration = Duration::from_secs(60);
/// A key may be repaired at Google's side; it is tried again this often.
const KEY_REST: Duration = Duration::from_secs(3_600);

/// See the module.
#[derive(Debug)]
pub(crate) struct DataApi {
    api: Arc<Api>,
    /// Begins with the first question, because it needs a runtime.
    coalescer: OnceLock<Coalescer>,
}

/// What each call needs.
#[derive(Debug)]
struct Api {
    client: YouTubeClient,
    /// Marked as sensitive: its Debug form does not show it.
    key: HeaderValue,
    rest: StandDown,
}

impl DataApi {
    pub(crate) fn new(client: YouTubeClient, key: HeaderValue) -> Self {
        let api = Api { client, key, rest: StandDown::default() };
        Self { api: Arc::new(api), coalescer: OnceLock::new() }
    }

    fn coalescer(&self) -> &Coalescer {
        self.coalescer.get_or_init(|| {
            let api = self.api.clone();
            Coalescer::start(move |video_ids| {
                let api = api.clone();
                Box::pin(async move { api.call(&video_ids).await })
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
        self.api.rest.check(Timestamp::now())?;
        self.coalescer().ask(video_id).await
    }
}

impl Api {
    /// An answer for each of these ids.
    async fn call(&self, video_ids: &[VideoId]) -> Answers {
        match self.videos(video_ids).await {
            Ok(answers) => answers,
            Err(error) => video_ids.iter().map(|id| (*id, Err(error.clone()))).collect(),
        }
    }

    async fn videos(&self, video_ids: &[VideoId]) -> Result<Answers, ExtractError> {
        let (status, body) = self.client.api_videos(self.key.clone(), PARTS, video_ids).await?;
        if status.is_success() {
            return answer::videos(&body, video_ids);
        }
        let now = Timestamp::now();
        Err(match answer::problem(status.as_u16(), &body) {
            Problem::Quota => {
                self.rest.begin(now, stand_down::until_midnight_pacific(now), "quota_used_up")
            }
            Problem::Rate => self.rest.begin(now, RATE_REST, "api_rate_limit"),
            Problem::Key(reason) => {
                self.rest.complain_once(&reason);
                self.rest.begin(now, KEY_REST, "api_key_refused")
            }
            Problem::Status => ExtractError::Status(status.as_u16()),
        })
    }
}

/// The answer about one video, for tests.
#[cfg(test)]
pub(super) fn read_one(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let mut answers = answer::videos(body, &[video_id])?;
    let forgotten = || Err(ExtractError::Unreadable("forgotten".to_owned()));
    answers.remove(&video_id).unwrap_or_else(forgotten)
}
