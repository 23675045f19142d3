//! The settings of traces: the standard variables of OpenTelemetry
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>,
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args};
use linkrelay_common::settings::SettingsError;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use opentelemetry_semantic_conventions::SCHEMA_URL;
use opentelemetry_semantic_conventions::attribute as names;
use percent_encoding::percent_decode_str;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use url::Url;
use uuid::Uuid;

use crate::exporter::{Collector, OtlpExporter};
use crate::sampler::SamplerName;
use crate::spans::MAX_LINKS;
use crate::tracer::{Tracer, Traces};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Spans that wait for the exporter, about a kilobyte each. Beyond that they are lost.
const QUEUED_SPANS: usize = 8_192;
/// Spans in one request.
const EXPORTED_SPANS: usize = 512;
/// How long a span waits for others.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Where traces go, and which.
#[derive(Debug, Clone, Default, Args)]
pub struct TraceSettings {
    /// The collector to which traces are sent, by OTLP over HTTP: `http://host:4318`; without it,
    /// or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, there are no traces
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otel_exporter_otlp_endpoint: Option<String>,

    /// The complete address for traces, instead of OTEL_EXPORTER_OTLP_ENDPOINT and `/v1/traces`
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub otel_exporter_otlp_traces_endpoint: Option<String>,

    /// How traces are sent; only http/protobuf is known
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", default_value = "http/protobuf")]
    pub otel_exporter_otlp_protocol: String,

    /// Headers for the collector, such as its key: `name=value`, separated by commas, in which
    /// other characters are percent-encoded
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_HEADERS",
        value_name = "HEADERS",
        hide_env_values = true
    )]
    pub otel_exporter_otlp_headers: Option<SecretString>,

    /// How many milliseconds the collector may take to answer
    #[arg(
        long,
        env = "OTEL_EXPORTER_OTLP_TIMEOUT",
        value_name = "MILLISECONDS",
        default_value_t = 10_000
    )]
    pub otel_exporter_otlp_timeout: u64,

    /// The name of this process in traces [default: linkrelay-producer, linkrelay-consumer, or for
    /// commands linkrelay]
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub otel_service_name: Option<String>,

    /// What else collectors should know of this process: `key=value`, separated by commas
    #[arg(long, env = "OTEL_RESOURCE_ATTRIBUTES", value_name = "ATTRIBUTES")]
    pub otel_resource_attributes: Option<String>,

    /// Which traces are recorded
    #[arg(
        long,
        env = "OTEL_TRACES_SAMPLER",
        value_name = "SAMPLER",
        default_value = "parentbased_always_on"
    )]
    pub otel_traces_sampler: SamplerName,

    /// The share of traces that begin here and are recorded, from 0 to 1, for
    /// parentbased_traceidratio and traceidratio
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "SHARE")]
    pub otel_traces_sampler_arg: Option<String>,

    /// Record no traces, even if there is an endpoint
    #[arg(
        long,
        env = "OTEL_SDK_DISABLED",
        action = ArgAction::Set,
        num_args = 0..=1,
        default_value = "false",
        default_missing_value = "true",
        value_parser = FalseyValueParser::new()
    )]
    pub otel_sdk_disabled: bool,
}

impl TraceSettings {
    /// Checks the settings, even if tracing is off.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.collector()?;
        self.share()?;
        self.attributes().map(drop)
    }

    /// Starts tracing for the whole process, if there is a collector; otherwise nothing is made.
    /// `service` is the name of the process if none is set. Must be called within a runtime, which
    /// sends the spans.
    ///
    /// # Errors
    /// Names the setting that is wrong; it is read even if tracing is off.
    pub fn start(&self, service: &'static str) -> Result<Traces, SettingsError> {
        let (collector, share) = (self.collector()?, self.share()?);
        let attributes = self.attributes()?;
        let Some(collector) = collector.filter(|_| !self.otel_sdk_disabled) else {
            return Ok(Traces::new(None));
        };
        let endpoint = collector.endpoint.to_string();
        let exporter = OtlpExporter::new(collector, Handle::current())
            .map_err(|error| SettingsError::new(ENDPOINT, error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUED_SPANS)
            .with_max_export_batch_size(EXPORTED_SPANS)
            .with_scheduled_delay(EXPORT_INTERVAL);
        let sampler = self.otel_traces_sampler;
        let provider = SdkTracerProvider::builder()
            .with_resource(self.resource(service, attributes))
            .with_sampler(sampler.sampler(share))
            .with_max_links_per_span(u32::try_from(MAX_LINKS).unwrap_or(u32::MAX))
            .with_span_processor(BatchSpanProcessor::new(exporter, batches.build()))
            .build();
        Tracer::new(&provider, sampler.follows_parents()).install();
        tracing::info!(endpoint, "traces are sent to {endpoint}");
        Ok(Traces::new(Some(provider)))
    }

    /// Returns where spans go; `None` without an endpoint. An empty variable counts as unset, here
    /// and below.
    fn collector(&self) -> Result<Option<Collector>, SettingsError> {
        let headers = self.headers()?;
        let for_traces = endpoint(TRACES_ENDPOINT, &self.otel_exporter_otlp_traces_endpoint)?;
        let for_all = endpoint(ENDPOINT, &self.otel_exporter_otlp_endpoint)?.map(|mut url| {
            url.set_path(&format!("{}/v1/traces", url.path().trim_end_matches('/')));
            url
        });
        let Some(endpoint) = for_traces.or(for_all) else { return Ok(None) };
        if !matches!(self.otel_exporter_otlp_protocol.as_str(), "" | "http/protobuf") {
            let problem = "must be http/protobuf, which collectors take on port 4318";
            return Err(SettingsError::new(PROTOCOL, problem));
        }
        if self.otel_exporter_otlp_timeout == 0 {
            return Err(SettingsError::new(TIMEOUT, "must be above 0"));
        }
        let timeout = Duration::from_millis(self.otel_exporter_otlp_timeout);
        Ok(Some(Collector { endpoint, headers, timeout }))
    }

    /// No error repeats what is set.
    fn headers(&self) -> Result<HeaderMap, SettingsError> {
        let text = self.otel_exporter_otlp_headers.as_ref().map_or("", ExposeSecret::expose_secret);
        let pairs = pairs(text).and_then(|pairs| {
            let header = |(name, value): (String, String)| {
                let mut value = HeaderValue::try_from(value).ok()?;
                value.set_sensitive(true);
                Some((HeaderName::try_from(name).ok()?, value))
            };
            pairs.into_iter().map(header).collect()
        });
        let problem = "must be name=value, separated by commas, with percent-encoding for what a \
                       header cannot have";
        pairs.ok_or_else(|| SettingsError::new(HEADERS, problem))
    }

    fn attributes(&self) -> Result<Vec<KeyValue>, SettingsError> {
        let pairs = pairs(self.otel_resource_attributes.as_deref().unwrap_or_default());
        let problem = "must be key=value, separated by commas";
        let pairs = pairs.ok_or_else(|| SettingsError::new(ATTRIBUTES, problem))?;
        Ok(pairs.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect())
    }

    fn share(&self) -> Result<f64, SettingsError> {
        let text = self.otel_traces_sampler_arg.as_deref().unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(1.0);
        }
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.ok_or_else(|| SettingsError::new(SAMPLER_ARG, "must be a number from 0 to 1"))
    }

    fn resource(&self, service: &'static str, attributes: Vec<KeyValue>) -> Resource {
        let name = self.otel_service_name.clone().filter(|name| !name.is_empty());
        let own = [
            KeyValue::new(names::SERVICE_NAME, service),
            KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new(names::SERVICE_INSTANCE_ID, Uuid::now_v7().to_string()),
        ];
        let named = name.map(|name| KeyValue::new(names::SERVICE_NAME, name));
        Resource::builder_empty()
            .with_schema_url(own, SCHEMA_URL)
            .with_attributes(attributes)
            .with_attributes(named)
            .build()
    }
}

/// The address is shown in logs, so it must have no password, and no error repeats it.
fn endpoint(setting: &'static str, text: &Option<String>) -> Result<Option<Url>, SettingsError> {
    let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err(SettingsError::new(setting, "is not a URL, such as http://host:4318"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        let problem = format!("must have no user and no password: {HEADERS} is for them");
        return Err(SettingsError::new(setting, problem));
    }
    Ok(Some(url))
}

/// Reads `key=value` pairs in the form of W3C baggage; `None` if one has no key or cannot be
/// decoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let pair = |entry: &str| {
        let (key, value) = entry.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let key = key.trim();
        (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
    };
    entries.map(pair).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        traces: TraceSettings,
    }

    fn settings(arguments: &[&str]) -> TraceSettings {
        Command::parse_from([&["test"], arguments].concat()).traces
    }

    #[test]
    fn the_endpoint_for_traces_is_complete_and_the_other_one_a_base() {
        let (base, complete) =
            ("--otel-exporter-otlp-endpoint", "--otel-exporter-otlp-traces-endpoint");
        for (arguments, endpoint) in [
            (&[][..], None),
            (&[base, ""], None),
            (&[base, "http://c:4318"], Some("http://c:4318/v1/traces")),
            (&[base, "https://c/otlp/"], Some("https://c/otlp/v1/traces")),
            (&[complete, "http://c:4318/in"], Some("http://c:4318/in")),
            (&[base, "http://a", complete, "http://c/in"], Some("http://c/in")),
            (&[base, "http://a", complete, ""], Some("http://a/v1/traces")),
        ] {
            let collector = settings(arguments).collector().unwrap();
            let seen = collector.map(|collector| collector.endpoint.to_string());
            assert_eq!(seen.as_deref(), endpoint, "{arguments:?}");
        }
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let settings =
            settings(&["--otel-exporter-otlp-headers", "api-key=s%20e%2Cc, X-B=hunter2"]);
        let headers = settings.headers().unwrap();
        assert_eq!(
            (&headers["api-key"], &headers["x-b"]),
            (&"s e,c".parse().unwrap(), &"hunter2".parse().unwrap())
        );
        let collector = Collector {
            endpoint: "http://c".parse().unwrap(),
            headers,
            timeout: Duration::from_secs(1),
        };
        let shown = format!("{settings:?} {collector:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("s e,c"), "{shown}");
    }

    #[test]
    fn a_wrong_setting_is_named_and_not_repeated() {
        for (arguments, name) in [
            (["--otel-exporter-otlp-endpoint", "hunter2"], ENDPOINT),
            (["--otel-exporter-otlp-endpoint", "http://me:hunter2@c"], ENDPOINT),
            (["--otel-exporter-otlp-traces-endpoint", "grpc://hunter2"], TRACES_ENDPOINT),
            (["--otel-exporter-otlp-headers", "hunter2"], HEADERS),
            (["--otel-exporter-otlp-headers", "a b=hunter2"], HEADERS),
            (["--otel-exporter-otlp-headers", "a=hunter2%0A"], HEADERS),
            (["--otel-resource-attributes", "hunter2"], ATTRIBUTES),
            (["--otel-traces-sampler-arg", "hunter2"], SAMPLER_ARG),
            (["--otel-traces-sampler-arg", "1.5"], SAMPLER_ARG),
        ] {
            let error = settings(&arguments).start("test").unwrap_err();
            assert_eq!(error.setting, name);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let with_endpoint = |arguments: &[&str]| {
            let endpoint = ["--otel-exporter-otlp-endpoint", "http://c:4317"];
            settings(&[&endpoint, arguments].concat()).collector().unwrap_err().setting
        };
        assert_eq!(with_endpoint(&["--otel-exporter-otlp-protocol", "grpc"]), PROTOCOL);
        assert_eq!(with_endpoint(&["--otel-exporter-otlp-timeout", "0"]), TIMEOUT);
    }

    #[test]
    fn a_set_name_comes_before_that_of_the_attributes_and_both_before_the_role() {
        let named = ["--otel-service-name", "mine"];
        let attributes = ["--otel-resource-attributes", "service.name=theirs,team=a%20b"];
        for (arguments, name) in [
            (Vec::new(), "linkrelay-consumer"),
            (attributes.to_vec(), "theirs"),
            ([attributes, named].concat(), "mine"),
        ] {
            let settings = settings(&arguments);
            let resource = settings.resource("linkrelay-consumer", settings.attributes().unwrap());
            let of =
                |key| resource.get(&opentelemetry::Key::new(key)).map(|value| value.to_string());
            assert_eq!(of("service.name").as_deref(), Some(name), "{arguments:?}");
            assert_eq!(of("team").is_some(), !arguments.is_empty());
        }
    }
}
