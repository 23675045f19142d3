//! Asks the extractor once, and safe from its panics; for a video timed and counted, too.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt;
use linkrelay_common::metrics as names;
use linkrelay_common::{ListLink, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use metrics::histogram;

/// The extractor's code reads strangers' pages: a panic there is that link's trouble, not its
/// partition's.
///
/// # Errors
/// The extractor's.
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

/// The videos of a list; its panics, too, are this list's trouble.
///
/// # Errors
/// The extractor's.
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
