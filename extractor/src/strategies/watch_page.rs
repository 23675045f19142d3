//! Asks for the watch page and reads the JSON in it: one request, and very little CPU time.

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;

use super::StrategyName;
use crate::client::YouTubeClient;
use crate::error::ExtractError;
use crate::page::Sieve;
use crate::{Strategy, page};

/// The strategy `watch_page`.
#[derive(Debug)]
pub(crate) struct WatchPage {
    client: YouTubeClient,
}

impl WatchPage {
    pub(crate) fn new(client: YouTubeClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Strategy for WatchPage {
    fn name(&self) -> &'static str {
        StrategyName::WatchPage.as_str()
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let mut sieve = Sieve::default();
        self.client.watch_page_in_pieces(video_id, |piece| sieve.push(piece)).await?;
        page::read(&sieve.finish(), video_id)
    }
}
