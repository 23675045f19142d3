//! Fetches the thumbnail of a video from YouTube's image host.
//!
//! What is fetched goes to browsers, so only the bytes say what it is, and only three types pass.
//! No redirect is followed, so no other host is asked.
//!
//! It must not know: its callers, or where a thumbnail is kept.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use linkrelay_common::{SettingsError, VideoId};
use reqwest::StatusCode;
use reqwest::redirect::Policy;

use crate::address::Address;
use crate::client::{Timeouts, body_of, builder, transport_error};
use crate::error::ExtractError;
use crate::{ExtractorSettings, config};

/// Ten times the largest thumbnail of this size.
const MAX_BYTES: usize = 512 * 1024;
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    read: Duration::from_secs(5),
    total: Duration::from_secs(8),
};

/// The server that is asked for thumbnails: YouTube's own, unless another one is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct ThumbnailServer {
    /// The server that is asked for thumbnails instead of i.ytimg.com, as https://host:port
    #[arg(long, env = "YOUTUBE_BASE_URL")]
    pub youtube_base_url: Option<String>,

    /// A PEM file with certificates to trust in addition to the well-known ones, for
    /// YOUTUBE_BASE_URL
    #[arg(long, env = "YOUTUBE_CA_CERT")]
    pub youtube_ca_cert: Option<PathBuf>,
}

impl From<&ExtractorSettings> for ThumbnailServer {
    fn from(settings: &ExtractorSettings) -> Self {
        Self {
            youtube_base_url: settings.youtube_base_url.clone(),
            youtube_ca_cert: settings.youtube_ca_cert.clone(),
        }
    }
}

/// The types of thumbnails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailType {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
}

impl ThumbnailType {
    /// Returns the type of these bytes, as they themselves say it; `None` if it is another one.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => bytes.starts_with(b"\x89PNG\r\n\x1a\n").then_some(Self::Png),
        }
    }

    /// The type as HTTP names it.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

/// Asks for thumbnails. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct ThumbnailClient {
    http: reqwest::Client,
    address: Address,
}

impl ThumbnailClient {
    /// Makes it. Reads the certificate file, but makes no request.
    ///
    /// # Errors
    /// Names the setting that cannot work.
    pub fn new(server: &ThumbnailServer) -> Result<Self, SettingsError> {
        let address = config::address(server.youtube_base_url.as_deref())?;
        let certificates = config::certificates(server.youtube_ca_cert.as_deref())?;
        let http = builder(&address, &certificates, TIMEOUTS).redirect(Policy::none()).build();
        let http = http.map_err(|error| {
            SettingsError::new("YOUTUBE_CA_CERT", format!("cannot be used: {error}"))
        })?;
        Ok(Self { http, address })
    }

    /// Returns the thumbnail of a video, of one of the types of [`ThumbnailType`]; `None` if YouTube has
    /// none.
    ///
    /// # Errors
    /// Throttled for 429, [`ExtractError::Status`] for another status, redirects too; time-outs and
    /// connection errors; Unreadable for what is too large, or no thumbnail.
    pub async fn fetch(&self, video_id: VideoId) -> Result<Option<Bytes>, ExtractError> {
        let started = Instant::now();
        let response = self.http.get(self.address.thumbnail_url(video_id)).send().await;
        let response = response.map_err(|error| transport_error(error, started.elapsed()))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(ExtractError::Throttled { reason: "status_429", retry_after: None });
            }
            status => return Err(ExtractError::Status(status.as_u16())),
        }
        let body = body_of(response, started, MAX_BYTES).await?;
        if ThumbnailType::of(&body).is_none() {
            let problem = "it is no JPEG, PNG or WebP".to_owned();
            return Err(ExtractError::Unreadable(problem));
        }
        Ok(Some(body.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_say_what_a_thumbnail_is() {
        for (bytes, found) in [
            (&b"\xff\xd8\xff\xe0"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n...", Some("image/png")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"GIF89a", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
            (b"<html>", None),
            (b"\xff\xd8", None),
            (b"", None),
        ] {
            assert_eq!(ThumbnailType::of(bytes).map(ThumbnailType::mime), found, "{bytes:?}");
        }
    }
}
