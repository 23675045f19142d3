//! An answer before it is sent: status, headers and body.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use serde_json::Value;

use crate::body::{Body, Connection, Ending, body};
use crate::failure::Failure;
use crate::gzip::Padding;
use crate::pages::{data_api, refusal};

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json; charset=UTF-8";
const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    extra: Option<(HeaderName, HeaderValue)>,
    pieces: Vec<Bytes>,
    ending: Ending,
}

impl Answer {
    /// Returns an answer with the status 200.
    pub(crate) fn ok(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, extra: None, pieces, ending: Ending::Complete }
    }

    pub(crate) fn html(text: impl Into<Bytes>) -> Self {
        Self::ok(HTML, vec![text.into()])
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::ok(JSON, vec![value.to_string().into()])
    }

    /// Returns an answer whose text is the name of its status.
    pub(crate) fn status(status: StatusCode) -> Self {
        let name = status.canonical_reason().unwrap_or_default();
        Self::ok(TEXT, vec![name.into()]).with_status(status)
    }

    pub(crate) fn not_found() -> Self {
        Self::html(refusal::NOT_FOUND_PAGE).with_status(StatusCode::NOT_FOUND)
    }

    /// Returns the page with a captcha, which leads on to `continue_to` once that is solved.
    pub(crate) fn captcha(continue_to: &str) -> Self {
        Self::html(refusal::sorry_page(continue_to)).with_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Returns an error of an API with this reason, which is the code for programs.
    pub(crate) fn api_error(status: StatusCode, reason: &str) -> Self {
        Self::json(&data_api::error(status.as_u16(), reason)).with_status(status)
    }

    /// Returns a redirect (302); `location` is a URL whose parts are escaped.
    pub(crate) fn redirect(location: &str) -> Self {
        let mut answer = Self::status(StatusCode::FOUND);
        answer.extra = HeaderValue::from_str(location).ok().map(|location| (LOCATION, location));
        answer
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds `Retry-After`, in whole seconds rounded up, so that no client comes back too early.
    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.extra = wait.map(|wait| (RETRY_AFTER, HeaderValue::from(seconds(wait))));
        self
    }

    /// Replaces each of these texts wherever it is in the body.
    pub(crate) fn with_replaced(mut self, replacements: &[(&str, &[u8])]) -> Self {
        for (text, bytes) in replacements {
            for piece in &mut self.pieces {
                let mut replaced = Vec::with_capacity(piece.len());
                let mut rest = &piece[..];
                while let Some((first, after)) = rest.split_first() {
                    if let Some(after) = rest.strip_prefix(text.as_bytes()) {
                        replaced.extend_from_slice(bytes);
                        rest = after;
                    } else {
                        replaced.push(*first);
                        rest = after;
                    }
                }
                *piece = replaced.into();
            }
        }
        self
    }

    /// Packs a good answer with gzip.
    pub(crate) fn packed(mut self, padding: &Padding) -> Self {
        let is_plain = self.status == StatusCode::OK && self.extra.is_none();
        if is_plain && let Some(pieces) = padding.gzip(&self.pieces) {
            self.pieces = pieces;
            self.extra = Some((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        self
    }

    /// Breaks a good answer as this failure does; most failures leave it as it is.
    pub(crate) fn spoiled(mut self, failure: Failure, connection: &Connection) -> Self {
        match failure {
            Failure::Reset => self.ending = Ending::Reset(connection.clone()),
            Failure::CutOffBody => self.ending = Ending::CutOff,
            Failure::EmptyAnswer => {
                self.status = StatusCode::OK;
                self.pieces.clear();
            }
            Failure::Garbage => {
                // The declared length is that of the rest.
                if let Some(last) = self.pieces.last_mut() {
                    last.truncate(last.len() / 3);
                }
            }
            _ => {}
        }
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let length: usize = self.pieces.iter().map(Bytes::len).sum();
        let mut response = Response::new(body(self.pieces, self.ending));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.extend(self.extra);
        response
    }
}
