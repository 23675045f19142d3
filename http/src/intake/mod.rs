//! Requests for links, for every HTTP endpoint of linkrelay that accepts links.
//!
//! [`read_links`] reads a request within limits, and [`read_json`] one about links that linkrelay
//! has already; [`CheckedLinks`] divides the links of a request into valid and rejected ones;
//! [`results()`] makes the entries of an answer, one for each link.
//!
//! It must not know: what is done with a link.

mod body;
mod check;
mod error;
mod headers;
mod link_index;
mod results;
mod settings;

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderMap;
use bytes::Bytes;
use linkrelay_telemetry::Span;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::time::timeout;
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::client::Pass;
use crate::trace;

pub use check::{CheckedLink, CheckedLinks, RejectedLink, SentLink, ValidLink};
pub use error::IntakeError;
pub use link_index::LinkIndex;
pub use results::{LinkOutcome, ResultEntry, ResultError, ValidResult, echo, results};
pub use settings::IntakeSettings;

/// The header that says how many milliseconds the client will wait for an answer. A producer that
/// forwards a request sets it, so that the work ends before its own client times out.
pub const TIMEOUT_HEADER: &str = "linkrelay-timeout-ms";

/// A body that is here in this time takes nothing from other clients, and is not counted.
const PROMPT: Duration = Duration::from_millis(250);

/// A request for links.
#[derive(Debug)]
pub struct LinksRequest {
    /// The links in the texts that were submitted; at least one.
    pub links: Vec<SentLink>,
    /// What the client may have.
    pub client: Pass,
    /// Whether YouTube must be asked even if an answer is cached.
    pub force: bool,
    /// The client's key for this request.
    pub idempotency_key: Option<String>,
    /// The span of the request.
    pub span: Span,
    /// How long the client will wait, if it sent that.
    pub timeout: Option<Duration>,
    /// The body, unchanged but for its compression, which is undone.
    pub body: Bytes,
}

/// Reads a request; its links are found and counted, but not yet checked.
///
/// # Errors
/// [`IntakeError`] if the headers, the body or the number of links are wrong, or if the client
/// sends too many links a second.
pub async fn read_links(
    request: Request,
    limits: &IntakeSettings,
) -> Result<LinksRequest, IntakeError> {
    let idempotency_key = headers::idempotency_key(request.headers())?;
    let client = Pass::of(request.extensions());
    let span = trace::span_of(&request);
    let (headers, body) = read_body(request, limits).await?;
    let LinksBody { links: Submitted(texts), force } =
        serde_json::from_slice(&body).map_err(IntakeError::BadBody)?;
    let links = SentLink::find_all(&texts);
    if links.is_empty() {
        return Err(IntakeError::NoLinks);
    }
    let (links_count, max) = (links.len(), limits.max_links_per_request);
    if links_count > max {
        return Err(IntakeError::TooManyLinks { links_count, max });
    }
    client.links(links_count)?;
    let timeout = headers::timeout(&headers);
    Ok(LinksRequest { links, client, force, idempotency_key, span, timeout, body })
}

/// Reads a request about links that linkrelay has already, within the same limits. Returns its
/// body, which may be empty, and its span.
///
/// # Errors
/// [`IntakeError`] if the headers or the body are wrong.
pub async fn read_json(
    request: Request,
    limits: &IntakeSettings,
) -> Result<(Bytes, Span), IntakeError> {
    let span = trace::span_of(&request);
    let (_, body) = read_body(request, limits).await?;
    Ok((body, span))
}

/// Reads the headers, and a body that is declared as JSON; undoes its compression.
async fn read_body(
    request: Request,
    limits: &IntakeSettings,
) -> Result<(HeaderMap, Bytes), IntakeError> {
    let (parts, body) = request.into_parts();
    let client = Pass::of(&parts.extensions);
    headers::expect_json(&parts.headers)?;
    let is_gzip = headers::is_gzip(&parts.headers)?;
    let mut reading = pin!(body::read(body, limits.max_body_bytes, limits.body_read_timeout));
    let mut body = match timeout(PROMPT, reading.as_mut()).await {
        Ok(body) => body?,
        Err(_) => {
            let _slot = client.body()?;
            reading.await?
        }
    };
    if is_gzip {
        body = body::decompress(&body, limits.max_body_bytes)?;
    }
    Ok((parts.headers, body))
}

/// The body of a request for links. It may be compressed by gzip.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "links": ["https://www.youtube.com/watch?v=5fR9AHlSDtc"] }))]
pub struct LinksBody {
    links: Submitted,
    /// Whether YouTube is asked even if an answer is cached or stored.
    #[serde(default)]
    force: bool,
}

/// One text or a list of texts, as people paste them; every link in them is found, up to 1,000
/// (MAX_LINKS_PER_REQUEST) of up to 2,048 bytes each.
#[derive(Debug)]
struct Submitted(Vec<String>);

impl PartialSchema for Submitted {
    fn schema() -> RefOr<Schema> {
        let texts = ArrayBuilder::new().items(String::schema()).min_items(Some(1));
        OneOfBuilder::new().item(String::schema()).item(texts).into()
    }
}

impl ToSchema for Submitted {}

impl<'de> Deserialize<'de> for Submitted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SubmittedVisitor)
    }
}

/// Not an untagged enum of serde, whose errors do not say what is wrong and where.
struct SubmittedVisitor;

impl<'de> Visitor<'de> for SubmittedVisitor {
    type Value = Submitted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("links as a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, link: &str) -> Result<Submitted, E> {
        Ok(Submitted(vec![link.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Submitted, A::Error> {
        let mut links = Vec::new();
        while let Some(link) = list.next_element()? {
            links.push(link);
        }
        Ok(Submitted(links))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_body_are_read() {
        let one: LinksBody = serde_json::from_str(r#"{"links":"a\u0062","other":1}"#).unwrap();
        assert_eq!((one.links.0, one.force), (vec!["ab".to_owned()], false));
        let many: LinksBody = serde_json::from_str(r#"{"force":true,"links":["a","b"]}"#).unwrap();
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
            let error = serde_json::from_str::<LinksBody>(body).unwrap_err().to_string();
            assert!(error.contains(words), "{body}: {error}");
        }
    }
}
