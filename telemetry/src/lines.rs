//! The formats of log lines, with the ids of the current span, by which a log collector finds its
//! trace.

use std::fmt;

use clap::ValueEnum;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// One line of text, for people to read.
    #[default]
    Text,
    /// One JSON object on each line, for log collectors.
    Json,
}

/// A format of lines, with `trace_id` and `span_id` in those that are written in a span that is
/// recorded.
#[derive(Debug)]
pub(crate) struct WithTrace<F> {
    pub(crate) inner: F,
    pub(crate) format: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for WithTrace<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let ids = Context::map_current(|current| {
            let is_traced = current.has_active_span();
            is_traced.then(|| {
                let span = current.span();
                (span.span_context().trace_id(), span.span_context().span_id())
            })
        });
        let Some((trace_id, span_id)) = ids else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        match self.format {
            LogFormat::Text => {
                let line = line.trim_end_matches('\n');
                writeln!(writer, "{line} trace_id={trace_id} span_id={span_id}")
            }
            LogFormat::Json => {
                let fields = line.strip_prefix('{').unwrap_or(&line);
                write!(writer, r#"{{"trace_id":"{trace_id}","span_id":"{span_id}",{fields}"#)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::EnvFilter;

    use super::*;
    use crate::log::subscriber;
    use crate::spans;
    use crate::testing::Recorded;

    #[derive(Debug, Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// One line in a span that is recorded, and one in a span that is not.
    async fn two_lines(format: LogFormat) -> (String, Vec<String>) {
        let _recorded = Recorded::start();
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = EnvFilter::new("info");
        let subscriber = subscriber(format, filter, false, move || writer.clone());
        let _default = tracing::dispatcher::set_default(&subscriber);
        let context = |flag: &str| format!("00-{:032x}-00f067aa0ba902b7-{flag}", 0xe1).parse().ok();
        let traced = spans::server(context("01"), "GET", None, "/");
        traced.around(async { tracing::info!(offset = 7, "one") }).await;
        let other = spans::server(context("00"), "GET", None, "/");
        other.around(async { tracing::info!(offset = 8, "two") }).await;
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let span_id = traced.context().unwrap().span_id().to_string();
        (span_id, written.lines().map(str::to_owned).collect())
    }

    #[tokio::test]
    async fn a_line_in_a_traced_span_has_its_ids() {
        let trace_id = format!("{:032x}", 0xe1);
        let (span_id, lines) = two_lines(LogFormat::Text).await;
        assert_eq!(lines.len(), 2, "{lines:?}");
        let end = format!("one offset=7 trace_id={trace_id} span_id={span_id}");
        assert!(lines[0].ends_with(&end), "{lines:?}");
        assert!(lines[1].ends_with("two offset=8"), "{lines:?}");

        let (span_id, lines) = two_lines(LogFormat::Json).await;
        let json: Vec<serde_json::Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json[0]["trace_id"], trace_id.as_str());
        assert_eq!(json[0]["span_id"], span_id.as_str());
        assert_eq!((&json[0]["message"], &json[0]["offset"]), (&"one".into(), &7.into()));
        assert_eq!((&json[1]["trace_id"], &json[1]["offset"]), (&().into(), &8.into()));
    }
}
