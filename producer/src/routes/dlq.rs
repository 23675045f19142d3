//! `GET /dlq`: the newest dead letters.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_common::{ErrorClass, RequestId};
use linkrelay_http::openapi::{DayOrTime, one_of};
use serde::Serialize;
use utoipa::openapi::schema::{Schema, Type};
use utoipa::{IntoParams, ToSchema};

use super::parameters::{Parameters, wrong};
use crate::dlq::LetterFilter;
use crate::dlq::check::Verdict;
use crate::dlq::letter::DeadLetter;
use crate::dlq::listing::ListedLetter;
use crate::dlq::page::LetterCursor;
use crate::error::ApiError;
use crate::state::AppState;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

/// A page of dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LetterList {
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
#[derive(Debug, Serialize, ToSchema)]
struct LetterEntry {
    #[serde(flatten)]
    letter: DeadLetter,
    /// The code of the error in the document.
    code: Option<String>,
    video_id: Option<String>,
    /// What a replay would find.
    #[schema(schema_with = states)]
    state: Option<&'static str>,
}

fn states() -> Schema {
    let mut states = one_of(["waiting", "in_flight", "stored", "no_document", "truncated"]);
    states.schema_type = [Type::String, Type::Null].into_iter().collect();
    states.enum_values.get_or_insert_default().push(serde_json::Value::Null);
    states.into()
}

/// The parameters of `GET /dlq`, as the document describes them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`filter` reads them one by one, to name the wrong one")]
struct LettersParameters {
    /// Why the links were given up.
    #[param(inline)]
    class: Option<ErrorClass>,
    /// The code of the error in the document, exactly.
    code: Option<String>,
    /// The links of one request.
    #[param(inline)]
    request_id: Option<RequestId>,
    /// The first day (in UTC) or time at which links were given up.
    #[param(inline)]
    since: Option<DayOrTime>,
    /// The day or time before which all were.
    #[param(inline)]
    until: Option<DayOrTime>,
    /// How many dead letters; 50 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The page that follows another; `next` has it.
    after: Option<String>,
}

/// The dead letters, which are the links that were given up, the newest first.
///
/// A page examines about 5,000 at most, so it may be short, or empty, and have a `next`.
#[utoipa::path(
    get,
    path = "/dlq",
    tag = "Dead letters",
    params(LettersParameters),
    responses(
        (status = 200, description = "One page of the dead letters.", body = LetterList),
        (status = 400, description = "`bad_query`: a parameter is wrong or not known."),
        (status = 503, description = "`dead_letters_unavailable`: the broker or the file cannot be \
            read in time."),
    )
)]
pub(super) async fn letters(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<LetterList>, ApiError> {
    let filter = filter(&mut parameters)?;
    let after: Option<LetterCursor> = parameters.read("after")?;
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
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
