//! The spans of a test, kept in memory.

use std::sync::{Arc, Mutex, OnceLock};

use opentelemetry::trace::TraceId;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use crate::sampler::SamplerName;
use crate::tracer::Tracer;

/// What the process has recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded(Arc<Mutex<Vec<SpanData>>>);

impl Recorded {
    /// Starts tracing for all tests of the process.
    pub(crate) fn start() -> Self {
        static RECORDED: OnceLock<Recorded> = OnceLock::new();
        let recorded = RECORDED.get_or_init(|| {
            let (recorded, sampler) = (Self::default(), SamplerName::default());
            let provider = SdkTracerProvider::builder()
                .with_simple_exporter(recorded.clone())
                .with_sampler(sampler.sampler(1.0))
                .build();
            Tracer::new(&provider, sampler.follows_parents()).install();
            recorded
        });
        recorded.clone()
    }

    /// Returns the spans of a trace that have ended.
    pub(crate) fn of_trace(&self, id: TraceId) -> Vec<SpanData> {
        let spans = self.0.lock().unwrap();
        spans.iter().filter(|span| span.span_context.trace_id() == id).cloned().collect()
    }
}

impl SpanExporter for Recorded {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}
