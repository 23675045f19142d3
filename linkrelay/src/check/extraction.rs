//! YouTube: one real request by each strategy and by each proxy, and one for a list if there is a
//! key for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::{ListLink, SettingsError, VideoId};
use linkrelay_extractor::config::{ExtractorSettings, PartAlone};
use linkrelay_extractor::{EVERYTHING_REFUSED, Extract, ExtractError, Extraction, Extractor};

use super::probe::{Finding, Probe, ProbeResult};

const API_KEY: &str = "see whether YOUTUBE_API_KEY is right, and what is left of its quota";
/// How much longer than its own timeout a request may take: short waits, and a second client.
const MARGIN: Duration = Duration::from_secs(10);
/// Google's channel for developers, which is not deleted.
const WELL_KNOWN_CHANNEL: &str = "UC_x5XG1OV2P6uZZ5FSM9Ttw";
const CANARY: &str =
    "wait, or ask by PROXY_URLS; if that video is not public, set CANARY_VIDEO to one that is";
const NETWORK: &str = "see that this machine reaches YouTube, directly or by PROXY_URLS";

/// Returns a probe for each strategy and proxy, and one for lists if there is a key.
///
/// # Errors
/// If a setting is wrong.
pub(super) fn parts(settings: &ExtractorSettings) -> Result<Vec<Probe>, SettingsError> {
    let extractor = settings.build_extractor()?;
    let mut parts: Vec<Probe> = settings.parts_alone()?.into_iter().map(part).collect();
    if settings.has_api_key() {
        parts.push(lists(extractor, settings.extractor_timeout * 2 + MARGIN));
    }
    Ok(parts)
}

/// Returns a probe that lists a playlist, which costs two units of the daily quota.
fn lists(extractor: Arc<Extractor>, deadline: Duration) -> Probe {
    Probe::new("playlists", NETWORK, async move {
        let channel = ListLink::channel(WELL_KNOWN_CHANNEL);
        let channel = channel.map_err(|_| Finding::new("there is no such channel", ""))?;
        let began = Instant::now();
        match extractor.expand(&channel, 1).await {
            Ok(_) => Ok(format!("listed a channel in {:.1} s", began.elapsed().as_secs_f64())),
            Err(error @ ExtractError::Refused(_)) => Ok(format!("answers that {error}")),
            Err(error @ ExtractError::StoodDown { .. }) => Err(Finding::new(error, API_KEY)),
            Err(error) => Err(Finding::new(error, NETWORK)),
        }
    })
    .within(deadline)
}

fn part(PartAlone { name, settings }: PartAlone) -> Probe {
    let deadline = settings.extractor_timeout * 2 + MARGIN;
    let built = settings.build().and_then(|it| Ok((it, settings.well_known_video()?)));
    match built {
        Err(error) => Probe::wrong(name, Finding::new(error, "correct it")),
        Ok((extractor, video_id)) => Probe::new(name, NETWORK, async move {
            let began = Instant::now();
            let answer = extractor.extract(video_id, true).await;
            result(video_id, answer, began.elapsed())
        })
        .within(deadline),
    }
}

/// The video is one that YouTube should find, so a refusal is a failure.
fn result(
    video_id: VideoId,
    answer: Result<Extraction, ExtractError>,
    took: Duration,
) -> ProbeResult {
    let seconds = took.as_secs_f64();
    let error = match answer {
        Ok(found) => return Ok(format!("found \"{}\" in {seconds:.1} s", found.video.title)),
        Err(error) => error,
    };
    let fix = match &error {
        ExtractError::Refused(_) | ExtractError::Throttled { reason: EVERYTHING_REFUSED, .. } => {
            let detail = format!("refuses even the video {video_id} ({error})");
            return Err(Finding::new(detail, CANARY));
        }
        ExtractError::Throttled { .. } => {
            "wait, ask for less (MAX_CONCURRENT_FETCHES), or ask by PROXY_URLS"
        }
        ExtractError::Unreadable(_) | ExtractError::Status(..500) => {
            "try another order of EXTRACTORS, and look for a newer linkrelay"
        }
        ExtractError::Proxy(_) => "see what PROXY_URLS says, and that the proxy runs",
        _ => NETWORK,
    };
    Err(Finding::new(error, fix))
}

#[cfg(test)]
mod tests {
    use linkrelay_extractor::Refusal;

    use super::*;

    #[test]
    fn a_refusal_of_the_canary_and_throttling_are_failures() {
        let canary = VideoId::parse("jNQXAC9IVRw").unwrap();
        let result_of = |error| result(canary, Err(error), Duration::ZERO);
        let everything = ExtractError::Throttled { reason: EVERYTHING_REFUSED, retry_after: None };
        for refused in [ExtractError::Refused(Refusal::Private), everything] {
            let finding = result_of(refused).unwrap_err();
            assert!(finding.fix.contains("CANARY_VIDEO"));
        }
        let throttled = ExtractError::Throttled { reason: "bot_check", retry_after: None };
        assert!(result_of(throttled).unwrap_err().fix.contains("PROXY_URLS"));
        assert!(result_of(ExtractError::Status(404)).unwrap_err().fix.contains("EXTRACTORS"));
    }
}
