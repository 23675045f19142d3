//! `POST /links/send-message-kafka`: links in, 201 once all of them are safe.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use linkrelay_common::RequestId;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::results::{LinkResult, results};
use super::{body, headers};
use crate::error::{ApiError, StatusUrl, Unpublished};
use crate::measure;
use crate::state::AppState;
use crate::submit::{Checked, Rejected, Submitted, Terms, records_of};

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/links/send-message-kafka", post(submit))
}

/// The body. Members that are not known are ignored, as in the Kafka record.
#[derive(Debug, Deserialize)]
struct SubmitBody {
    links: OneOrMany,
    #[serde(default)]
    force: bool,
}

/// A string or a list of strings. By hand, because an untagged enum can only say that nothing
/// matched, not what was wrong where.
#[derive(Debug)]
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("links as a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, link: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![link.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut links = Vec::new();
        while let Some(link) = list.next_element()? {
            links.push(link);
        }
        Ok(OneOrMany(links))
    }
}

/// The answer while at least one link was taken.
#[derive(Debug, Serialize)]
struct Accepted<'a> {
    /// `ok`, or `partial` if some links were rejected.
    res: &'static str,
    id: RequestId,
    accepted: usize,
    status_url: StatusUrl,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<LinkResult<'a>>,
}

async fn submit(State(app): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    headers::expect_json(&parts.headers)?;
    let idempotency_key = headers::idempotency_key(&parts.headers)?;
    let limits = &app.limits;
    let body = body::read(body, limits.max_body_bytes, limits.body_read_timeout).await?;
    let wanted: SubmitBody = serde_json::from_slice(&body).map_err(ApiError::BadBody)?;
    let checked = check(wanted.links.0, limits.max_links)?;
    let trace_parent = headers::trace_parent(&parts.headers);
    let terms = Terms { force: wanted.force, idempotency_key, trace_parent };
    let (id, records) = records_of(checked.valid, &terms);
    let submitted = app.submitter.submit(records).await?;
    answer(id, &submitted, &checked.rejected)
}

fn check(links: Vec<String>, max_links: usize) -> Result<Checked, ApiError> {
    if links.is_empty() {
        return Err(ApiError::NoLinks);
    }
    // 422 and not 413: the body is not too large, it asks for too much.
    if links.len() > max_links {
        return Err(ApiError::TooManyLinks { links_count: links.len(), max: max_links });
    }
    let checked = Checked::new(links);
    if checked.valid.is_empty() {
        measure::links("rejected", checked.rejected.len());
        let results = to_json(&results(&[], &[], &checked.rejected));
        return Err(ApiError::NoValidLinks { results });
    }
    Ok(checked)
}

fn answer(
    id: RequestId,
    submitted: &Submitted,
    rejected: &[Rejected],
) -> Result<Response, ApiError> {
    let Submitted { records, failures } = submitted;
    let accepted = records.len() - failures.len();
    measure::links("accepted", accepted);
    measure::links("unavailable", failures.len());
    measure::links("rejected", rejected.len());
    if let Some((_, error)) = failures.first() {
        return Err(ApiError::Unpublished(Box::new(Unpublished {
            id,
            accepted_count: accepted,
            results: to_json(&results(records, failures, rejected)),
            error: *error,
        })));
    }
    let (status, res, results) = if rejected.is_empty() {
        (StatusCode::CREATED, "ok", Vec::new())
    } else {
        (StatusCode::MULTI_STATUS, "partial", results(records, &[], rejected))
    };
    let body = Accepted { res, id, accepted, status_url: StatusUrl(id), results };
    Ok((status, Json(body)).into_response())
}

fn to_json(results: &[LinkResult<'_>]) -> serde_json::Value {
    // Numbers and text always serialize.
    serde_json::to_value(results).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_body_are_read() {
        let one: SubmitBody = serde_json::from_str(r#"{"links":"a\u0062","other":1}"#).unwrap();
        assert_eq!((one.links.0, one.force), (vec!["ab".to_owned()], false));
        let many: SubmitBody = serde_json::from_str(r#"{"force":true,"links":["a","b"]}"#).unwrap();
        assert_eq!((many.links.0.len(), many.force), (2, true));
    }

    #[test]
    fn a_wrong_body_is_explained() {
        for (body, words) in [
            (r#"{"links":5}"#, "expected links as a string or a list of strings"),
            (r#"{"links":["a",null]}"#, "invalid type: null, expected a string"),
            (r#"{"link":"a"}"#, "missing field `links`"),
            (r#"{"links":"a","force":"yes"}"#, "expected a boolean"),
            (r#"{"links":"a""#, "EOF while parsing"),
            (r#"{"links":"a"} x"#, "trailing characters"),
        ] {
            let error = serde_json::from_str::<SubmitBody>(body).unwrap_err().to_string();
            assert!(error.contains(words), "{body}: {error}");
        }
    }
}
