//! Asks the player endpoint, as YouTube's own programs do. The answer has some kilobytes and
//! contains only the player response, so there are no subscribers, badge or chapters.
//!
//! `profiles` is the table of programs as which linkrelay asks.

mod profiles;

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::{Availability, Video};

use self::profiles::{PROFILES, Profile};
use super::StrategyName;
use crate::client::YouTubeClient;
use crate::error::ExtractError;
use crate::{Strategy, page};

/// The strategy `innertube`.
#[derive(Debug)]
pub(crate) struct Innertube {
    client: YouTubeClient,
}

impl Innertube {
    pub(crate) fn new(client: YouTubeClient) -> Self {
        Self { client }
    }

    async fn ask(&self, profile: &Profile, video_id: VideoId) -> Result<Video, ExtractError> {
        let request_body = profile.request_body(video_id.as_str());
        let body = self.client.player(&request_body, profile.headers()).await?;
        read(profile, &body, video_id)
    }
}

#[async_trait]
impl Strategy for Innertube {
    fn name(&self) -> &'static str {
        StrategyName::Innertube.as_str()
    }

    /// If all programs are refused, returns the error of the first.
    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let mut first_error = None;
        for profile in &PROFILES {
            let error = match self.ask(profile, video_id).await {
                Err(error) if concerns_the_program(&error) => error,
                answer => return answer,
            };
            tracing::debug!(
                video_id = video_id.as_str(),
                client = profile.name,
                "innertube found no metadata of the video {video_id} as {}: {error}",
                profile.name,
            );
            first_error.get_or_insert(error);
        }
        let none = || ExtractError::Unreadable("there is no client profile".to_owned());
        Err(first_error.unwrap_or_else(none))
    }
}

fn read(profile: &Profile, body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let answer = page::read(body, video_id);
    if profile.is_web {
        return answer;
    }
    match answer {
        Ok(mut video) => {
            // If one app does not play the video, another may.
            video.availability = video.availability.filter(|it| *it != Availability::Unavailable);
            Ok(video)
        }
        // An app that is too old is refused every video ("watch on the latest version of YouTube").
        Err(ExtractError::Refused(refusal)) => {
            let (app, code) = (profile.name, refusal.code());
            Err(ExtractError::Unreadable(format!("only the app {app} was asked: {code}")))
        }
        Err(error) => Err(error),
    }
}

/// Reads an answer to the first program, for tests.
#[cfg(any(test, feature = "properties"))]
pub(crate) fn read_web(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    read(&PROFILES[0], body, video_id)
}

/// Whether another program may get an answer: YouTube answers an old version with 400, and a
/// program that may not play the video with UNPLAYABLE without a cause.
fn concerns_the_program(error: &ExtractError) -> bool {
    matches!(error, ExtractError::Unreadable(_) | ExtractError::Status(400..=499))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_availability_of_a_video_that_one_app_does_not_play_is_unknown() {
        let body = br#"{"playabilityStatus":{"status":"UNPLAYABLE"},
            "videoDetails":{"videoId":"5fR9AHlSDtc","title":"A title"}}"#;
        let id = VideoId::parse("5fR9AHlSDtc").unwrap();
        for (profile, availability) in PROFILES.iter().zip([Some(Availability::Unavailable), None])
        {
            assert_eq!(read(profile, body, id).unwrap().availability, availability);
        }
    }

    #[test]
    fn a_refusal_of_an_app_is_not_one_of_youtube() {
        let body = br#"{"playabilityStatus":{"status":"ERROR","reason":
            "The following content is not available on this app. Watch on the latest version of YouTube."}}"#;
        let id = VideoId::parse("5fR9AHlSDtc").unwrap();
        for (profile, code) in PROFILES.iter().zip(["unavailable", "unreadable"]) {
            let error = read(profile, body, id).unwrap_err();
            assert_eq!(error.code(), code, "{}", profile.name);
            assert_eq!(concerns_the_program(&error), !profile.is_web, "{error}");
        }
    }

    #[test]
    fn only_an_error_about_the_program_lets_the_next_one_ask() {
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
