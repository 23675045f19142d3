//! Asks the player endpoint, as YouTube's own programs do: an answer of some kilobytes that
//! holds the player response alone, so no subscribers, badge or chapters.
//!
//! `profiles` is the table of programs that we ask as.

mod profiles;

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::{Availability, Video};

use self::profiles::{PROFILES, Profile};
use super::StrategyName;
use crate::client::YouTubeClient;
use crate::error::ExtractError;
use crate::{Strategy, page};

/// See the module.
#[derive(Debug)]
pub(crate) struct Innertube {
    client: YouTubeClient,
}

impl Innertube {
    pub(crate) fn new(client: YouTubeClient) -> Self {
        Self { client }
    }

    async fn ask(&self, profile: &Profile, video_id: VideoId) -> Result<Video, ExtractError> {
        let question = profile.question(video_id.as_str());
        let body = self.client.player(&question, profile.headers()).await?;
        read(profile, &body, video_id)
    }
}

#[async_trait]
impl Strategy for Innertube {
    fn name(&self) -> &'static str {
        StrategyName::Innertube.as_str()
    }

    /// The first program's error is the result if all are turned away.
    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let mut first_error = None;
        for profile in &PROFILES {
            let error = match self.ask(profile, video_id).await {
                Err(error) if concerns_the_program(&error) => error,
                answer => return answer,
            };
            tracing::debug!(client = profile.name, "innertube as {}: {error}", profile.name);
            first_error.get_or_insert(error);
        }
        let none = || ExtractError::Unreadable("there is no client profile".to_owned());
        Err(first_error.unwrap_or_else(none))
    }
}

fn read(profile: &Profile, body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let mut video = page::read(body, video_id)?;
    if !profile.is_web {
        // What one app will not play says little of the video.
        video.availability = video.availability.filter(|it| *it != Availability::Unavailable);
    }
    Ok(video)
}

/// As the first program, for tests.
#[cfg(test)]
pub(super) fn read_web(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    read(&PROFILES[0], body, video_id)
}

/// Whether another program may be answered where this one was not: an old version is answered
/// 400, and what is not for one program is UNPLAYABLE without a cause.
fn concerns_the_program(error: &ExtractError) -> bool {
    matches!(error, ExtractError::Unreadable(_) | ExtractError::Status(400..=499))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_app_will_not_play_is_left_open() {
        let body = br#"{"playabilityStatus":{"status":"UNPLAYABLE"},
            "videoDetails":{"videoId":"5fR9AHlSDtc","title":"A title"}}"#;
        let id = VideoId::parse("5fR9AHlSDtc").unwrap();
        for (profile, availability) in PROFILES.iter().zip([Some(Availability::Unavailable), None])
        {
            assert_eq!(read(profile, body, id).unwrap().availability, availability);
        }
    }

    #[test]
    fn only_what_is_about_the_program_is_asked_again() {
        for (error, is_asked_again) in [
            (ExtractError::Status(400), true),
            (ExtractError::Unreadable("no metadata".to_owned()), true),
            (ExtractError::Status(503), false),
            (ExtractError::Connection("reset".to_owned()), false),
            (ExtractError::Throttled { reason: "status_429", retry_after: None }, false),
        ] {
            assert_eq!(concerns_the_program(&error), is_asked_again, "{error}");
        }
    }
}
