//! The calls of the Data API: one key and one quota, so one no keeps all of them from asking.
//!
//! It must not know: who asks, or what is made of the answers.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::VideoId;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use super::answer::{self, Problem};
use super::coalesce::Answers;
use super::list_answer::{self, NoList};
use super::stand_down::{self, StandDown};
use crate::client::YouTubeClient;
use crate::error::ExtractError;

/// All of them together cost what one of them costs.
const PARTS: &str = "snippet,contentDetails,statistics,status";
/// The most that a page of a playlist has; it costs what a page of one item costs.
pub(super) const PAGE_SIZE: usize = 50;
/// For "so many calls a minute"; the API says no time of its own.
const RATE_REST: Duration = Duration::from_secs(60);
/// A key may be repaired at Google's side; it is tried again this often.
const KEY_REST: Duration = Duration::from_secs(3_600);

/// What each call needs.
#[derive(Debug)]
pub(crate) struct Api {
    client: YouTubeClient,
    /// Marked as sensitive: its Debug form does not show it.
    key: HeaderValue,
    rest: StandDown,
}

/// What a question about a list comes to.
pub(super) enum Reply {
    /// An answer, yet to be read.
    Body(Vec<u8>),
    /// There is nothing to be had, and that is about the list alone.
    NoList(NoList),
}

impl Api {
    pub(crate) fn new(client: YouTubeClient, key: HeaderValue) -> Self {
        Self { client, key, rest: StandDown::default() }
    }

    /// Whether it may be asked at this moment.
    ///
    /// # Errors
    /// [`ExtractError::StoodDown`] while it may not.
    pub(super) fn check(&self) -> Result<(), ExtractError> {
        self.rest.check(Timestamp::now())
    }

    /// An answer for each of these videos.
    pub(super) async fn videos(&self, video_ids: &[VideoId]) -> Result<Answers, ExtractError> {
        let (status, body) = self.client.api_videos(self.key.clone(), PARTS, video_ids).await?;
        if status.is_success() {
            answer::videos(&body, video_ids)
        } else {
            Err(self.refused(status, &body))
        }
    }

    /// A page of a playlist.
    pub(super) async fn playlist_items(
        &self,
        playlist_id: &str,
        page_token: Option<&str>,
    ) -> Result<Reply, ExtractError> {
        self.check()?;
        let key = self.key.clone();
        let call = self.client.api_playlist_items(key, playlist_id, PAGE_SIZE, page_token);
        let (status, body) = call.await?;
        self.reply(status, body)
    }

    /// The channel of this name, by one of the API's filters.
    pub(super) async fn channels(
        &self,
        filter: &'static str,
        name: &str,
    ) -> Result<Reply, ExtractError> {
        self.check()?;
        let (status, body) = self.client.api_channels(self.key.clone(), filter, name).await?;
        self.reply(status, body)
    }

    fn reply(&self, status: StatusCode, body: Vec<u8>) -> Result<Reply, ExtractError> {
        if status.is_success() {
            return Ok(Reply::Body(body));
        }
        // First, because a private list is a 403, which is otherwise about the key.
        match list_answer::no_list(&body) {
            Some(no_list) => Ok(Reply::NoList(no_list)),
            None => Err(self.refused(status, &body)),
        }
    }

    /// What an answer means that is no success; a no to the key or the quota begins a rest.
    fn refused(&self, status: StatusCode, body: &[u8]) -> ExtractError {
        let now = Timestamp::now();
        match answer::problem(status.as_u16(), body) {
            Problem::Quota => {
                self.rest.begin(now, stand_down::until_midnight_pacific(now), "quota_used_up")
            }
            Problem::Rate => self.rest.begin(now, RATE_REST, "api_rate_limit"),
            Problem::Key(reason) => {
                self.rest.complain_once(&reason);
                self.rest.begin(now, KEY_REST, "api_key_refused")
            }
            Problem::Status => ExtractError::Status(status.as_u16()),
        }
    }
}
