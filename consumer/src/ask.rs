//! Asks the extractor once, and turns its panics into errors. Requests for videos are timed.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt;
use linkrelay_common::metrics as names;
use linkrelay_common::{ListLink, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use metrics::histogram;

/// Asks for the metadata of a video. The extractor reads untrusted pages: a panic there fails this
/// link, not its partition.
///
/// # Errors
/// The error of the extractor; [`ExtractError::Unreadable`] for a panic.
pub(crate) async fn ask(
    extractor: &dyn Extract,
    video_id: VideoId,
    force: bool,
) -> Result<Extraction, ExtractError> {
    let begin = Instant::now();
    let extracted = AssertUnwindSafe(extractor.extract(video_id, force)).catch_unwind().await;
    let extracted = extracted.unwrap_or_else(|_| Err(panicked()));
    let (strategy, outcome) = match &extracted {
        Ok(extraction) => (extraction.source.clone(), "found"),
        Err(error) => ("none".to_owned(), error.class().as_str()),
    };
    histogram!(names::EXTRACTION_DURATION, "strategy" => strategy, "outcome" => outcome)
        .record(begin.elapsed());
    extracted
}

/// Asks for the videos of a list. A panic of the extractor fails this list only.
///
/// # Errors
/// The error of the extractor; [`ExtractError::Unreadable`] for a panic.
pub(crate) async fn ask_list(
    extractor: &dyn Extract,
    list: &ListLink,
    limit: usize,
) -> Result<Vec<VideoId>, ExtractError> {
    let listed = AssertUnwindSafe(extractor.expand(list, limit)).catch_unwind().await;
    listed.unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> ExtractError {
    ExtractError::Unreadable("the extractor panicked".to_owned())
}
