//! A piece of work in a trace, as a value.

use std::fmt::Display;
use std::pin::Pin;
use std::task::Poll;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_semantic_conventions::attribute::ERROR_TYPE;
use pin_project_lite::pin_project;

use crate::context::TraceContext;

/// A span that is recorded; or, where none is, the context that is passed on instead. Cheap to
/// clone, and without any allocation if nothing is recorded. The span ends when the last clone is
/// dropped.
#[derive(Debug, Clone, Default)]
pub struct Span(State);

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    None,
    /// Not recorded here: tracing is off, or the trace is not sampled.
    Passed(TraceContext),
    Recorded(Context),
}

impl Span {
    /// Makes a span that is not recorded, and passes this context on.
    pub fn passed(context: Option<TraceContext>) -> Self {
        Self(context.map_or(State::None, State::Passed))
    }

    /// Makes a span that is recorded.
    pub(crate) fn recorded(context: Context) -> Self {
        Self(State::Recorded(context))
    }

    /// Returns what a request or a record of this work carries on.
    pub fn context(&self) -> Option<TraceContext> {
        match &self.0 {
            State::None => None,
            State::Passed(context) => Some(*context),
            State::Recorded(context) => TraceContext::of(context.span().span_context()),
        }
    }

    /// Returns the span for OpenTelemetry; `None` if it is not recorded.
    pub(crate) fn as_recorded(&self) -> Option<&Context> {
        match &self.0 {
            State::Recorded(context) => Some(context),
            State::None | State::Passed(_) => None,
        }
    }

    /// Returns whether the span is recorded.
    pub fn is_recorded(&self) -> bool {
        self.as_recorded().is_some()
    }

    /// Notes that the work failed: the kind of the error, of which there are few, and its message.
    pub fn failed(&self, kind: impl Into<Value>, message: impl Display) {
        if let Some(context) = self.as_recorded() {
            context.span().set_status(Status::error(message.to_string()));
            self.set(ERROR_TYPE, kind);
        }
    }

    /// Sets an attribute.
    pub(crate) fn set(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(context) = self.as_recorded() {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Makes this the current span of a future, whenever that is polled.
    pub fn around<F: Future>(&self, future: F) -> InSpan<F> {
        InSpan { future, context: self.as_recorded().cloned() }
    }
}

pin_project! {
    /// A future with its current span; made by [`Span::around`].
    #[derive(Debug)]
    pub struct InSpan<F> {
        #[pin]
        future: F,
        context: Option<Context>,
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _current = this.context.clone().map(Context::attach);
        this.future.poll(task)
    }
}
