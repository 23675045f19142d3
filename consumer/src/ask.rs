//! Asks the extractor once: timed, counted, and safe from its panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt;
use linkrelay_common::VideoId;
use linkrelay_common::metrics as names;
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
    let extracted = extracted
        .unwrap_or_else(|_| Err(ExtractError::Unreadable("the extractor panicked".to_owned())));
    let (strategy, outcome) = match &extracted {
        Ok(extraction) => (extraction.source.clone(), "found"),
        Err(error) => ("none".to_owned(), error.class().as_str()),
    };
    histogram!(names::EXTRACTION_DURATION, "strategy" => strategy, "outcome" => outcome)
        .record(begin.elapsed());
    extracted
}
