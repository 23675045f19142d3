//! A collector of traces: takes spans by OTLP over HTTP, and keeps them for a test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;

use crate::helpers::until;

/// The ids of a span: of its trace, and its own.
pub(crate) type Ids = (String, String);

/// A span that a process has sent.
#[derive(Debug, Clone)]
pub(crate) struct SentSpan {
    /// The name of the process.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) ids: Ids,
    /// The id of its parent, or nothing.
    pub(crate) parent: String,
    pub(crate) links: Vec<Ids>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) has_failed: bool,
}

#[derive(Debug, Default)]
struct Taken {
    spans: Vec<SentSpan>,
    headers: Vec<HeaderMap>,
}

/// A collector that runs until the test ends.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    taken: Arc<Mutex<Taken>>,
    url: String,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Taken::default()));
        let routes = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self { taken, url }
    }

    /// The value of OTEL_EXPORTER_OTLP_ENDPOINT.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The headers of all requests.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.taken.lock().unwrap().headers.clone()
    }

    /// The spans of one trace.
    pub(crate) fn of_trace(&self, trace_id: &str) -> Vec<SentSpan> {
        self.find(|span| span.ids.0 == trace_id)
    }

    pub(crate) fn find(&self, wanted: impl Fn(&SentSpan) -> bool) -> Vec<SentSpan> {
        let taken = self.taken.lock().unwrap();
        taken.spans.iter().filter(|span| wanted(span)).cloned().collect()
    }

    /// Waits until as many spans as these were sent; returns them.
    pub(crate) async fn until_sent(
        &self,
        count: usize,
        wanted: impl Fn(&SentSpan) -> bool,
    ) -> Vec<SentSpan> {
        until("spans to be sent", async || {
            let found = self.find(&wanted);
            if found.len() == count { Ok(found) } else { Err(format!("{found:#?}")) }
        })
        .await
    }
}

async fn take(State(taken): State<Arc<Mutex<Taken>>>, headers: HeaderMap, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut taken = taken.lock().unwrap();
    taken.headers.push(headers);
    taken.spans.extend(request.resource_spans.into_iter().flat_map(spans));
}

fn spans(sent: ResourceSpans) -> Vec<SentSpan> {
    let resource = attributes(sent.resource.unwrap().attributes);
    let service = resource["service.name"].clone();
    let spans = sent.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| read(service.clone(), span)).collect()
}

fn read(service: String, span: Span) -> SentSpan {
    let links = span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id)));
    SentSpan {
        service,
        ids: (hex(&span.trace_id), hex(&span.span_id)),
        parent: hex(&span.parent_span_id),
        links: links.collect(),
        name: span.name,
        attributes: attributes(span.attributes),
        has_failed: span.status.is_some_and(|status| status.code == StatusCode::Error as i32),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("linkrelay has no attribute of this kind: {other:?}"),
    };
    let pair = |pair: KeyValue| (pair.key, text(pair.value.unwrap().value));
    pairs.into_iter().map(pair).collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
