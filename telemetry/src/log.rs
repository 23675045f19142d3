//! Log lines: to stderr, as text or JSON, filtered by `RUST_LOG`.

use std::io::IsTerminal as _;

use linkrelay_common::settings::SettingsError;
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{self, FmtSpan, JsonFields};
use tracing_subscriber::util::SubscriberInitExt;

use crate::lines::{LogFormat, WithTrace};

/// `info` for linkrelay's own lines; the libraries log only warnings and errors.
const DEFAULT_FILTER: &str = "info,librdkafka=warn,rdkafka=warn,mongodb=warn,hyper=warn,h2=warn";

/// The settings of the log.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LogSettings {
    /// The format of log lines
    #[arg(long, env = "LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,

    /// Which log lines are written, as in `info,linkrelay_consumer=debug` [default: info, and less of
    /// libraries]
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", global = true)]
    pub rust_log: Option<String>,
}

impl LogSettings {
    /// Starts logging for the whole process.
    ///
    /// # Errors
    /// If `RUST_LOG` cannot be read, or logging was started before.
    pub fn start(&self) -> Result<(), SettingsError> {
        let text = self.rust_log.as_deref().filter(|text| !text.is_empty());
        let filter = EnvFilter::try_new(text.unwrap_or(DEFAULT_FILTER));
        let filter = filter.map_err(|error| SettingsError::new("RUST_LOG", error.to_string()))?;
        let started =
            subscriber(self.log_format, filter, has_colours(), std::io::stderr).try_init();
        started.map_err(|error| SettingsError::new("LOG_FORMAT", error.to_string()))
    }
}

/// Returns what writes the lines.
pub(crate) fn subscriber(
    format: LogFormat,
    filter: EnvFilter,
    has_colours: bool,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Dispatch {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::NONE)
        .with_writer(writer);
    match format {
        LogFormat::Text => {
            let inner = format::format().with_ansi(has_colours);
            let lines = lines.with_ansi(has_colours);
            Dispatch::new(lines.event_format(WithTrace { inner, format }).finish())
        }
        LogFormat::Json => {
            let inner = format::format().json().flatten_event(true);
            let lines = lines.with_ansi(false).fmt_fields(JsonFields::new());
            Dispatch::new(lines.event_format(WithTrace { inner, format }).finish())
        }
    }
}

/// Colours are for terminals, and for people who want them (no-color.org).
fn has_colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// Starts logging for tests: captured for each test. May be called any number of times.
pub fn start_for_test() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // It fails if logging was started already, which is all that a later caller needs.
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
}
