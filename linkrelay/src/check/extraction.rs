//! YouTube: one real question by each strategy, and by each proxy.

use std::time::{Duration, Instant};

use linkrelay_common::{SettingsError, VideoId};
use linkrelay_extractor::config::{ExtractorSettings, PartAlone};
use linkrelay_extractor::{ExtractError, Extraction};

use super::part::{Answer, Failure, Part};

/// A video that has been there for years.
const WELL_KNOWN: &str = "5fR9AHlSDtc";
/// What a question may take beyond its own time-out: short waits, and a second program.
const MARGIN: Duration = Duration::from_secs(10);
const NETWORK: &str = "see that this machine reaches YouTube, directly or by PROXY_URLS";

/// # Errors
/// The first setting that cannot work.
pub(super) fn parts(settings: &ExtractorSettings) -> Result<Vec<Part>, SettingsError> {
    settings.build_extractor()?;
    Ok(settings.parts_alone()?.into_iter().map(part).collect())
}

fn part(PartAlone { name, settings }: PartAlone) -> Part {
    let deadline = settings.extractor_timeout * 2 + MARGIN;
    match settings.build() {
        Err(error) => Part::wrong(name, Failure::new(error, "correct it")),
        Ok(extractor) => Part::new(name, NETWORK, async move {
            let video_id = VideoId::parse(WELL_KNOWN);
            let video_id = video_id.map_err(|_| Failure::new("there is no such id", ""))?;
            let began = Instant::now();
            judge(extractor.extract(video_id, true).await, began.elapsed())
        })
        .within(deadline),
    }
}

fn judge(answer: Result<Extraction, ExtractError>, took: Duration) -> Answer {
    let seconds = took.as_secs_f64();
    let error = match answer {
        Ok(found) => return Ok(format!("found \"{}\" in {seconds:.1} s", found.video.title)),
        // It was reached, and said so.
        Err(error @ ExtractError::Refused(_)) => return Ok(format!("answers that {error}")),
        Err(error) => error,
    };
    let remedy = match &error {
        ExtractError::Throttled { .. } => {
            "wait, ask for less (MAX_CONCURRENT_FETCHES), or ask by PROXY_URLS"
        }
        ExtractError::Unreadable(_) | ExtractError::Status(..500) => {
            "try another order of EXTRACTORS, and look for a newer linkrelay"
        }
        ExtractError::Proxy(_) => "see what PROXY_URLS says, and that the proxy runs",
        _ => NETWORK,
    };
    Err(Failure::new(error, remedy))
}

#[cfg(test)]
mod tests {
    use linkrelay_extractor::Refusal;

    use super::*;

    #[test]
    fn a_refusal_is_an_answer_and_throttling_is_none() {
        let judged = |error| judge(Err(error), Duration::ZERO);
        assert!(judged(ExtractError::Refused(Refusal::Private)).is_ok());
        let throttled = ExtractError::Throttled { reason: "bot_check", retry_after: None };
        assert!(judged(throttled).unwrap_err().remedy.contains("PROXY_URLS"));
        assert!(judged(ExtractError::Status(404)).unwrap_err().remedy.contains("EXTRACTORS"));
    }
}
