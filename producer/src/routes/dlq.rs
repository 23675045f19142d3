//! `GET /dlq`: the newest dead letters.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::ErrorClass;
use serde::Serialize;

use super::parameters::{Parameters, wrong};
use crate::dlq::LetterFilter;
use crate::dlq::check::Verdict;
use crate::dlq::letter::DeadLetter;
use crate::dlq::listing::ListedLetter;
use crate::dlq::page::LetterCursor;
use crate::error::ApiError;
use crate::state::AppState;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/dlq", get(letters))
}

/// A page of dead letters.
#[derive(Debug, Serialize)]
struct LetterList {
    letters: Vec<LetterEntry>,
    /// How many dead letters this page has examined.
    examined: usize,
    /// Whether the store has answered; otherwise `state` and `code` are null.
    documents_known: bool,
    /// Whether it was looked for replays in flight.
    replays_known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A dead letter; what is not known is null.
#[derive(Debug, Serialize)]
struct LetterEntry {
    #[serde(flatten)]
    letter: DeadLetter,
    /// The code of the error in the document.
    code: Option<String>,
    video_id: Option<String>,
    /// What a replay would find.
    state: Option<&'static str>,
}

async fn letters(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<LetterList>, ApiError> {
    let filter = filter(&mut parameters)?;
    let after: Option<LetterCursor> = parameters.read("after")?;
    let limit = parameters.number("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    parameters.end()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let listed = app.letters.read(filter, after, limit).await?;
    Ok(Json(LetterList {
        letters: listed.letters.into_iter().map(entry).collect(),
        examined: listed.examined,
        documents_known: listed.documents_known,
        replays_known: listed.replays_known,
        next: listed.next.map(|after| parameters.path_with("/dlq", "after", after)),
    }))
}

fn filter(parameters: &mut Parameters) -> Result<LetterFilter, ApiError> {
    let classes = ErrorClass::ALL.map(|class| (class.as_str(), class));
    let filter = LetterFilter {
        classes: parameters.one_of("class", &classes)?.into_iter().collect(),
        since: parameters.time("since")?,
        until: parameters.time("until")?,
        request_id: parameters.read("request_id")?,
        ids: BTreeSet::new(),
        codes: parameters.text("code").into_iter().collect(),
    };
    match filter.since.zip(filter.until) {
        Some((since, until)) if since >= until => Err(wrong("since", "must be before until")),
        _ => Ok(filter),
    }
}

fn entry(listed: ListedLetter) -> LetterEntry {
    let ListedLetter { letter, checked } = listed;
    let state = checked.as_ref().map(|checked| match checked.verdict {
        Verdict::Replay | Verdict::WornOut | Verdict::OtherCode => "waiting",
        Verdict::Stored => "stored",
        Verdict::Missing => "no_document",
        Verdict::InFlight => "in_flight",
        Verdict::Truncated => "truncated",
    });
    let (code, video_id) = checked.map_or((None, None), |checked| (checked.code, checked.video_id));
    LetterEntry { letter, code, video_id, state }
}
