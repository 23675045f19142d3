//! Makes the calls to the Data API. They share one key and one quota, so after one refusal none is
//! made for a while.
//!
//! It must not know: its callers, or what they do with the answers.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::VideoId;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use super::answer::{self, ApiProblem};
use super::coalesce::VideoAnswers;
use super::list_answer::{self, NoList};
use super::stand_down::{self, StandDown};
use crate::client::YouTubeClient;
use crate::error::ExtractError;

/// The parts of a video to ask for; all of them together cost as much as one.
const PARTS: &str = "snippet,contentDetails,statistics,status";
/// The most items that a page of a playlist has; it costs as much as a page of one item.
pub(super) const PAGE_SIZE: usize = 50;
/// The wait after too many calls in a minute; the API itself names no time.
const RATE_WAIT: Duration = Duration::from_secs(60);
/// How soon a refused key is tried again; the operator can fix it at Google without a restart.
const KEY_WAIT: Duration = Duration::from_secs(3_600);

/// The Data API with one key.
#[derive(Debug)]
pub(crate) struct DataApiClient {
    client: YouTubeClient,
    /// Marked as sensitive, so its Debug form does not show it.
    key: HeaderValue,
    stand_down: StandDown,
}

/// The API's reply to a request about a list.
pub(super) enum ListReply {
    /// An answer whose body has not been parsed.
    Body(Vec<u8>),
    /// The list is not available; other requests are not affected.
    NoList(NoList),
}

impl DataApiClient {
    pub(crate) fn new(client: YouTubeClient, key: HeaderValue) -> Self {
        Self { client, key, stand_down: StandDown::default() }
    }

    /// Checks whether the API may be asked now.
    ///
    /// # Errors
    /// [`ExtractError::StoodDown`] while it may not.
    pub(super) fn check(&self) -> Result<(), ExtractError> {
        self.stand_down.check(Timestamp::now())
    }

    /// Asks for these videos and returns an answer for each.
    pub(super) async fn videos(&self, video_ids: &[VideoId]) -> Result<VideoAnswers, ExtractError> {
        let ids: Vec<&str> = video_ids.iter().map(VideoId::as_str).collect();
        let ids = ids.join(",");
        let query = [("part", PARTS), ("id", ids.as_str())];
        let (status, body) = self.client.data_api(self.key.clone(), "videos", &query).await?;
        if status.is_success() {
            answer::videos(&body, video_ids)
        } else {
            Err(self.refused(status, &body))
        }
    }

    /// Asks for a page of a playlist.
    pub(super) async fn playlist_items(
        &self,
        playlist_id: &str,
        page_token: Option<&str>,
    ) -> Result<ListReply, ExtractError> {
        let size = PAGE_SIZE.to_string();
        let mut query = vec![("playlistId", playlist_id), ("maxResults", size.as_str())];
        query.extend(page_token.map(|token| ("pageToken", token)));
        self.list("playlistItems", query).await
    }

    /// Asks for the channel of this name, by one of the API's filters (`id`, `forHandle`,
    /// `forUsername`).
    pub(super) async fn channels(
        &self,
        filter: &'static str,
        name: &str,
    ) -> Result<ListReply, ExtractError> {
        self.list("channels", vec![(filter, name)]).await
    }

    async fn list(
        &self,
        resource: &str,
        mut query: Vec<(&str, &str)>,
    ) -> Result<ListReply, ExtractError> {
        self.check()?;
        query.push(("part", "contentDetails"));
        let (status, body) = self.client.data_api(self.key.clone(), resource, &query).await?;
        if status.is_success() {
            return Ok(ListReply::Body(body));
        }
        // Checked first, because a private list is a 403, which otherwise means a refused key.
        match list_answer::no_list(&body) {
            Some(no_list) => Ok(ListReply::NoList(no_list)),
            None => Err(self.refused(status, &body)),
        }
    }

    /// Returns the error that an unsuccessful answer means; if it refuses the key or the quota is
    /// used up, the API is not asked for a while.
    fn refused(&self, status: StatusCode, body: &[u8]) -> ExtractError {
        let now = Timestamp::now();
        match answer::problem(status.as_u16(), body) {
            ApiProblem::Quota => {
                let wait = stand_down::until_midnight_pacific(now);
                self.stand_down.begin(now, wait, "quota_used_up")
            }
            ApiProblem::Rate => self.stand_down.begin(now, RATE_WAIT, "api_rate_limit"),
            ApiProblem::Key(reason) => {
                self.stand_down.log_refused_key_once(&reason);
                self.stand_down.begin(now, KEY_WAIT, "api_key_refused")
            }
            ApiProblem::Status => ExtractError::Status(status.as_u16()),
        }
    }
}
