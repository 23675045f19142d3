//! An answer before it goes out: status, headers and pieces of text.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;

use crate::body::{Ending, Pieces};
use crate::failure::Failure;
use crate::pages::refusal::NOT_FOUND_PAGE;
use crate::socket::Fate;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json; charset=UTF-8";
pub(crate) const JAVASCRIPT: &str = "text/javascript";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// What will be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    extra: Option<(HeaderName, HeaderValue)>,
    pieces: Vec<Bytes>,
    ending: Ending,
}

impl Answer {
    /// Status 200.
    pub(crate) fn ok(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, extra: None, pieces, ending: Ending::Whole }
    }

    pub(crate) fn html(text: impl Into<Bytes>) -> Self {
        Self::ok(HTML, vec![text.into()])
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::ok(JSON, vec![value.to_string().into()])
    }

    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::ok(TEXT, vec![text.into()])
    }

    /// Status 404.
    pub(crate) fn not_found() -> Self {
        Self::html(NOT_FOUND_PAGE).with_status(StatusCode::NOT_FOUND)
    }

    /// Status 302.
    pub(crate) fn redirect(location: &str) -> Self {
        let mut answer = Self::text("").with_status(StatusCode::FOUND);
        // A URL that was put together from escaped parts is a header's value.
        answer.extra = HeaderValue::from_str(location).ok().map(|location| (LOCATION, location));
        answer
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// In whole seconds, rounded up: a client that comes back then is not too early.
    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.extra = wait.map(|wait| (RETRY_AFTER, HeaderValue::from(seconds(wait))));
        self
    }

    /// What a failure makes of a whole answer on its way; most leave it as it is.
    pub(crate) fn spoiled(mut self, failure: Failure, fate: &Fate) -> Self {
        match failure {
            Failure::Reset => self.ending = Ending::Reset(fate.clone()),
            Failure::CutOffBody => self.ending = Ending::CutOff,
            Failure::EmptyAnswer => {
                self.status = StatusCode::OK;
                self.pieces.clear();
            }
            Failure::Garbage => {
                // As if that were all.
                if let Some(last) = self.pieces.last_mut() {
                    last.truncate(last.len() / 3);
                }
            }
            _ => {}
        }
        self
    }

    pub(crate) fn into_response(self) -> Response<Pieces> {
        let mut response = Response::new(Pieces::new(self.pieces, self.ending));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some((name, value)) = self.extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
