//! The spans of requests.
//!
//! It must not know: which routes there are.

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::response::Response;
use linkrelay_telemetry::{Span, TraceContext, spans};

use crate::around::Around;

/// Records each request as a part of the client's trace, if it sent one. For processes that record
/// spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record;

impl Around for Record {
    type Held = Span;

    fn before(&self, request: &mut Request) -> Result<Span, Box<Response>> {
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let parent = trace_parent(request.headers());
        let span = spans::server(parent, request.method().as_str(), route, request.uri().path());
        request.extensions_mut().insert(span.clone());
        Ok(span)
    }

    fn after(&self, span: Span, response: &mut Response) {
        span.answered(response.status().as_u16());
    }

    fn traced_span(held: &Span) -> Span {
        held.clone()
    }
}

/// Returns the span of a request; if none is recorded, with the client's context, to be passed on.
pub(crate) fn span_of(request: &Request) -> Span {
    let recorded = request.extensions().get::<Span>().cloned();
    recorded.unwrap_or_else(|| Span::passed(trace_parent(request.headers())))
}

/// Returns the client's trace context; a malformed one is dropped (W3C Trace Context, 3.2.2).
fn trace_parent(headers: &HeaderMap) -> Option<TraceContext> {
    headers.get(TraceContext::HEADER)?.to_str().ok()?.parse().ok()
}
