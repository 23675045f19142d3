//! W3C trace context (<https://www.w3.org/TR/trace-context/>): which span of which trace a request
//! or a record came from.

use std::fmt;
use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The version that is written; one that is read may be later.
const VERSION: &str = "00";
/// Sampled (level 1), and random (level 2): the flags that have a meaning.
const KNOWN_FLAGS: u8 = 0b11;

/// The context of a span, as a `traceparent` header has it. A `tracestate` is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

/// The text is not a `traceparent`. It then counts as absent (W3C Trace Context, 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATraceContext;

impl TraceContext {
    /// The header that has it, in HTTP requests and in records.
    pub const HEADER: &str = "traceparent";

    /// Returns the context of a span; `None` if it has no ids.
    pub(crate) fn of(context: &SpanContext) -> Option<Self> {
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        context.is_valid().then(|| Self { trace_id, span_id, flags: context.trace_flags() })
    }

    /// Returns it as OpenTelemetry's type; `is_remote` if the span is another process's.
    pub(crate) fn to_span_context(self, is_remote: bool) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags, is_remote, TraceState::NONE)
    }

    /// Returns whether the span is recorded by who began it.
    pub fn is_sampled(self) -> bool {
        self.flags.is_sampled()
    }

    /// Returns the id of the trace.
    pub fn trace_id(self) -> TraceId {
        self.trace_id
    }

    /// Returns the id of the span.
    pub fn span_id(self) -> SpanId {
        self.span_id
    }
}

impl FromStr for TraceContext {
    type Err = NotATraceContext;

    fn from_str(text: &str) -> Result<Self, NotATraceContext> {
        let mut fields = text.split('-');
        let mut next = |length: usize| {
            let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let field = fields.next();
            field
                .filter(|field| field.len() == length && field.bytes().all(is_hex))
                .ok_or(NotATraceContext)
        };
        let (version, trace_id, span_id, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let has_more = fields.next().is_some();
        // A later version may have more fields.
        if version == "ff" || (version == VERSION && has_more) {
            return Err(NotATraceContext);
        }
        let trace_id = TraceId::from_hex(trace_id).map_err(|_| NotATraceContext)?;
        let span_id = SpanId::from_hex(span_id).map_err(|_| NotATraceContext)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NotATraceContext)?;
        let flags = TraceFlags::new(flags & KNOWN_FLAGS);
        let is_one = trace_id != TraceId::INVALID && span_id != SpanId::INVALID;
        is_one.then_some(Self { trace_id, span_id, flags }).ok_or(NotATraceContext)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn only_a_well_formed_context_is_read() {
        let zeros = "0".repeat(32);
        let written = |flags: &str| Some(format!("00-{TRACE}-{SPAN}-{flags}"));
        for (text, context) in [
            (format!("00-{TRACE}-{SPAN}-01"), written("01")),
            (format!("00-{TRACE}-{SPAN}-00"), written("00")),
            (format!("00-{TRACE}-{SPAN}-ff"), written("03")),
            (format!("cc-{TRACE}-{SPAN}-01-more"), written("01")),
            (format!("00-{TRACE}-{SPAN}-01-more"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{zeros}-{SPAN}-01"), None),
            (format!("00-{TRACE}-{}-01", &zeros[..16]), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{TRACE}-{SPAN}-+1"), None),
            (format!("00-{TRACE}-{SPAN}"), None),
            ("garbage".to_owned(), None),
            (String::new(), None),
        ] {
            let read = text.parse::<TraceContext>().ok();
            assert_eq!(read.map(|context| context.to_string()), context, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace_id in 1_u128.., span_id in 1_u64.., flags in 0_u8..4) {
            let context = TraceContext {
                trace_id: trace_id.into(),
                span_id: span_id.into(),
                flags: TraceFlags::new(flags),
            };
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(context) = text.parse::<TraceContext>() {
                prop_assert_eq!(context.to_string().parse(), Ok(context));
            }
        }
    }
}
