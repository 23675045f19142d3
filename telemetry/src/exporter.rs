//! Sends spans to a collector: OTLP over HTTP, in protobuf.
//!
//! The SDK's thread calls the exporter, and the runtime of the process sends the request with the
//! same HTTP client as everything else. A collector that fails loses the spans of the request, and
//! nothing waits for it but that thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linkrelay_common::{metrics as counters, with_causes};
use metrics::counter;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use url::Url;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
/// Answers are a few bytes; no more of one is read.
const MAX_ANSWER_BYTES: usize = 64 * 1_024;

/// Where spans go.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) endpoint: Url,
    /// Marked as sensitive, so that no Debug shows them.
    pub(crate) headers: HeaderMap,
    /// For a request with its answer.
    pub(crate) timeout: Duration,
}

/// Sends spans to one collector.
#[derive(Debug)]
pub(crate) struct OtlpExporter {
    client: reqwest::Client,
    endpoint: Url,
    runtime: Handle,
    resource: ResourceAttributesWithSchema,
    /// Whether the last request failed: a failure is logged when it begins.
    fails: AtomicBool,
}

/// Why a request for spans failed.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{0}")]
    Unreachable(String),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("it rejected {count} spans: {message}")]
    Rejected { count: i64, message: String },
    #[error("the process ends")]
    Ending,
}

impl OtlpExporter {
    /// Makes an exporter whose requests run on `runtime`; none is made yet.
    ///
    /// # Errors
    /// Fails if no HTTP client can be made.
    pub(crate) fn new(collector: Collector, runtime: Handle) -> Result<Self, reqwest::Error> {
        let Collector { endpoint, headers, timeout } = collector;
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .timeout(timeout)
            // The headers are for this address alone.
            .redirect(Policy::none())
            .build()?;
        let (resource, fails) = (ResourceAttributesWithSchema::default(), AtomicBool::new(false));
        Ok(Self { client, endpoint, runtime, resource, fails })
    }

    fn report(&self, spans_count: usize, sent: &Result<(), ExportError>) {
        let outcome = if sent.is_ok() { "exported" } else { "lost" };
        counter!(counters::SPANS, "outcome" => outcome).increment(spans_count as u64);
        let failed_before = self.fails.swap(sent.is_err(), Ordering::Relaxed);
        let endpoint = self.endpoint.as_str();
        match sent {
            Ok(()) if failed_before => tracing::info!(endpoint, "traces are exported again"),
            Err(error) if !failed_before => tracing::warn!(
                endpoint, %error,
                "traces are lost, and nothing else: the collector at {endpoint} fails: {error}; \
                 look whether it runs and takes OTLP over HTTP there (OTEL_EXPORTER_OTLP_ENDPOINT, \
                 most often port 4318), and whether it wants a key (OTEL_EXPORTER_OTLP_HEADERS)"
            ),
            _ => {}
        }
    }
}

impl SpanExporter for OtlpExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans_count = batch.len();
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let request = self.client.post(self.endpoint.clone()).header(CONTENT_TYPE, PROTOBUF);
        // The caller's thread has no runtime.
        let sent = self.runtime.spawn(send(request.body(body))).await;
        let sent = sent.unwrap_or(Err(ExportError::Ending));
        self.report(spans_count, &sent);
        sent.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<(), ExportError> {
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if !status.is_success() {
        return Err(ExportError::Status(status.as_u16()));
    }
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER_BYTES
        && let Some(chunk) = response.chunk().await.map_err(unreachable)?
    {
        answer.extend_from_slice(&chunk);
    }
    // The spans have arrived, even if the answer cannot be read.
    let answer = ExportTraceServiceResponse::decode(answer.as_slice()).unwrap_or_default();
    match answer.partial_success {
        Some(partial) if partial.rejected_spans > 0 => Err(ExportError::Rejected {
            count: partial.rejected_spans,
            message: partial.error_message,
        }),
        _ => Ok(()),
    }
}

fn unreachable(error: reqwest::Error) -> ExportError {
    ExportError::Unreachable(with_causes(&error.without_url()))
}
