//! The tracer of the process: begins spans, and ends with what is not exported yet.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanKind, TraceContextExt, Tracer as _,
    TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use opentelemetry_semantic_conventions::SCHEMA_URL;

use crate::context::TraceContext;
use crate::span::Span;

/// How long the end of a process waits for its last spans to be exported.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Of the process; asked by every request and link, so it takes no lock.
static TRACER: ArcSwapOption<Tracer> = ArcSwapOption::const_empty();

/// Begins spans.
#[derive(Debug)]
pub(crate) struct Tracer {
    tracer: SdkTracer,
    /// Whether a span whose parent is not sampled is never recorded: then it costs nothing.
    follows_parents: bool,
}

/// What a span is part of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Parent<'a> {
    /// It begins a trace.
    None,
    /// A span of this process.
    Span(&'a Span),
    /// A span of this process whose context went through a value.
    Local(TraceContext),
    /// A span of another process, perhaps.
    Remote(TraceContext),
}

/// A span that begins.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) parent: Parent<'a>,
    pub(crate) links: &'a [SpanContext],
}

/// The traces of a process that runs.
#[derive(Debug)]
#[must_use = "the last spans are lost without `end`"]
pub struct Traces(Option<SdkTracerProvider>);

/// Returns whether this process records spans.
pub fn is_on() -> bool {
    TRACER.load().is_some()
}

/// Begins a span, if this process records spans and the sampler chooses this one; `describe` then
/// returns its name and attributes. Otherwise the span passes on what the sampler says of the
/// trace, or if tracing is off the context of its parent.
pub(crate) fn begin(
    beginning: Beginning<'_>,
    describe: impl FnOnce() -> (Cow<'static, str>, Vec<KeyValue>),
) -> Span {
    match TRACER.load().as_deref() {
        Some(tracer) => tracer.begin(beginning, describe),
        None => Span::passed(beginning.parent.context()),
    }
}

impl Span {
    /// Returns the span [around](Self::around) the caller, in the same task; without one, a span
    /// that is not recorded.
    pub fn current() -> Self {
        if !is_on() {
            return Self::default();
        }
        Context::map_current(|context| match context.has_active_span() {
            true => Self::recorded(context.clone()),
            false => Self::default(),
        })
    }
}

impl Parent<'_> {
    pub(crate) fn remote(context: Option<TraceContext>) -> Self {
        context.map_or(Self::None, Self::Remote)
    }

    pub(crate) fn local(context: Option<TraceContext>) -> Self {
        context.map_or(Self::None, Self::Local)
    }

    fn context(self) -> Option<TraceContext> {
        match self {
            Self::None => None,
            Self::Span(span) => span.context(),
            Self::Local(context) | Self::Remote(context) => Some(context),
        }
    }

    fn to_opentelemetry(self) -> Context {
        if let Self::Span(span) = self
            && let Some(context) = span.as_recorded()
        {
            return context.clone();
        }
        let is_remote = matches!(self, Self::Remote(_));
        let context = self.context().map(|context| context.to_span_context(is_remote));
        context
            .map_or_else(Context::new, |context| Context::new().with_remote_span_context(context))
    }
}

impl Tracer {
    pub(crate) fn new(provider: &SdkTracerProvider, follows_parents: bool) -> Self {
        let scope = InstrumentationScope::builder("linkrelay")
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(SCHEMA_URL);
        Self { tracer: provider.tracer_with_scope(scope.build()), follows_parents }
    }

    /// Makes this the tracer of the process.
    pub(crate) fn install(self) {
        TRACER.store(Some(Arc::new(self)));
    }

    fn begin(
        &self,
        beginning: Beginning<'_>,
        describe: impl FnOnce() -> (Cow<'static, str>, Vec<KeyValue>),
    ) -> Span {
        let Beginning { kind, parent, links } = beginning;
        let context = parent.context();
        if self.follows_parents && context.is_some_and(|context| !context.is_sampled()) {
            return Span::passed(context);
        }
        let parent = parent.to_opentelemetry();
        let links = links.iter().cloned().map(Link::with_context).collect();
        let builder =
            SpanBuilder { span_kind: Some(kind), links: Some(links), ..SpanBuilder::default() };
        let mut span = self.tracer.build_with_context(builder, &parent);
        if !span.is_recording() {
            // After the end of tracing, the span has no ids of its own.
            return Span::passed(TraceContext::of(span.span_context()).or(context));
        }
        let (name, attributes) = describe();
        span.update_name(name);
        span.set_attributes(attributes);
        Span::recorded(parent.with_span(span))
    }
}

impl Traces {
    pub(crate) fn new(provider: Option<SdkTracerProvider>) -> Self {
        Self(provider)
    }

    /// Ends tracing: exports what is not exported yet, within three seconds. What is left then is
    /// lost, and so are spans that have not ended.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        TRACER.store(None);
        let ending = move || provider.shutdown_with_timeout(LAST_EXPORT_TIMEOUT);
        match tokio::task::spawn_blocking(ending).await {
            Ok(Ok(())) => {}
            // The exporter has said why.
            Ok(Err(error)) => tracing::debug!(%error, "the last spans are not exported"),
            Err(error) => tracing::error!(%error, "the end of tracing panicked"),
        }
    }
}
