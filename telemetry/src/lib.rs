//! What a process reports of its work while it runs: log lines, and traces for a collector.
//!
//! In reading order: [`TraceContext`] is what travels with a request and a record; [`Span`] is a
//! piece of work, or the context that is passed on where none is recorded; [`spans`] has every kind
//! of span, with the names of OpenTelemetry's semantic conventions; [`TraceSettings`] start the
//! [`Traces`] of a process, which the exporter sends to a collector; [`LogSettings`] start its log,
//! whose lines have the ids of the span that they were written in.
//!
//! Spans are values. A function that works for a span gets it, and what crosses a channel or begins
//! a task takes it along. Only within one task is the span that is worked for also
//! [current](Span::current), for log lines and for the strategies of the extractor.
//!
//! It must not know: Kafka clients, HTTP servers, or what the work is.

mod context;
mod exporter;
mod lines;
mod log;
mod sampler;
mod settings;
mod span;
pub mod spans;
#[cfg(test)]
mod testing;
mod tracer;

pub use context::{NotATraceContext, TraceContext};
pub use lines::LogFormat;
pub use log::{LogSettings, start_for_test};
pub use settings::TraceSettings;
pub use span::{InSpan, Span};
pub use tracer::{Traces, is_on};
