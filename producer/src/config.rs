//! What can be set; nothing else reads the environment.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser};
use linkrelay_common::SettingsError;
use linkrelay_common::kafka::{GroupProtocol, GroupSettings, KafkaSettings};
use linkrelay_common::telemetry::LogSettings;
use linkrelay_store::StoreSettings;

/// How much earlier than the request librdkafka gives a record up. It looks for overdue records
/// once a second, so with anything less a record could outlive the request that awaits it.
const DELIVERY_MARGIN: Duration = Duration::from_millis(1_500);
const MIN_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// linkrelay's HTTP API: takes YouTube links, answers when Kafka has them safely.
#[derive(Debug, Clone, Parser)]
#[command(name = "linkrelay-producer", version, about)]
pub struct ProducerSettings {
    /// The API's own settings.
    #[command(flatten)]
    pub api: ApiSettings,

    /// The broker and its topics.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Where documents are looked up.
    #[command(flatten)]
    pub store: StoreSettings,

    /// How long a stop may take: requests in flight, then what is still on its way to the broker
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "15s", value_parser = humantime::parse_duration)]
    pub drain_timeout: Duration,

    /// How to log.
    #[command(flatten)]
    pub log: LogSettings,
}

/// Where the API listens and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ApiSettings {
    /// Where the API listens, `address:port` (port 0: any free one)
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:3000")]
    pub http_addr: SocketAddr,

    /// How long links may wait for the broker, or a question for the store, before 503 is answered
    #[arg(long, env = "REQUEST_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub request_timeout: Duration,

    /// How long a request's header may take to arrive; an idle connection is closed after it, too
    #[arg(long, env = "HEADER_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub header_read_timeout: Duration,

    /// How long a request's body may take to arrive
    #[arg(long, env = "BODY_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub body_read_timeout: Duration,

    /// The largest request body, in bytes
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 1_048_576)]
    pub max_body_bytes: usize,

    /// The most links in one request
    #[arg(long, env = "MAX_LINKS_PER_REQUEST", default_value_t = 1_000)]
    pub max_links_per_request: usize,

    /// The most requests at one time; more are answered 503 at once (health is exempt)
    #[arg(long, env = "MAX_CONCURRENT_REQUESTS", default_value_t = 1_000)]
    pub max_concurrent_requests: usize,
}

impl ProducerSettings {
    /// Settings as they are with nothing set, for a program that runs this role itself.
    pub fn new(kafka: KafkaSettings, store: StoreSettings) -> Self {
        Self {
            api: ApiSettings::default(),
            kafka,
            store,
            drain_timeout: Duration::from_secs(15),
            log: LogSettings::default(),
        }
    }

    /// Checks what one setting, or two together, can break.
    ///
    /// # Errors
    /// Names the variable.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.api.validate()?;
        self.kafka.validate(&no_group())?;
        let waiting_max = self.max_waiting_records();
        if waiting_max.is_some_and(|max| self.api.max_links_per_request > max) {
            let problem = "a request of so many links would never fit into \
                 queue.buffering.max.messages (100000, unless set with KAFKA_CONFIG)";
            return Err(SettingsError::new("MAX_LINKS_PER_REQUEST", problem));
        }
        if self.drain_timeout < self.api.request_timeout {
            let problem = format!(
                "{:?} is below REQUEST_TIMEOUT ({:?}): a stop would cut off requests that wait for the broker",
                self.drain_timeout, self.api.request_timeout
            );
            return Err(SettingsError::new("DRAIN_TIMEOUT", problem));
        }
        Ok(())
    }

    /// How long librdkafka tries to deliver a record: less than the request waits for it, so
    /// that a request answered 503 has, as a rule, nothing on its way any more.
    pub fn delivery_timeout(&self) -> Duration {
        self.api.request_timeout.saturating_sub(DELIVERY_MARGIN)
    }

    fn max_waiting_records(&self) -> Option<usize> {
        let config = self.kafka.producer(self.delivery_timeout());
        config.get("queue.buffering.max.messages")?.parse().ok().filter(|max| *max > 0)
    }
}

impl ApiSettings {
    fn validate(&self) -> Result<(), SettingsError> {
        if self.request_timeout < MIN_REQUEST_TIMEOUT {
            let problem = format!(
                "must be at least {MIN_REQUEST_TIMEOUT:?}: librdkafka gives records up {DELIVERY_MARGIN:?} earlier"
            );
            return Err(SettingsError::new("REQUEST_TIMEOUT", problem));
        }
        for (setting, is_zero) in [
            ("HEADER_READ_TIMEOUT", self.header_read_timeout.is_zero()),
            ("BODY_READ_TIMEOUT", self.body_read_timeout.is_zero()),
            ("MAX_BODY_BYTES", self.max_body_bytes == 0),
            ("MAX_LINKS_PER_REQUEST", self.max_links_per_request == 0),
            ("MAX_CONCURRENT_REQUESTS", self.max_concurrent_requests == 0),
        ] {
            if is_zero {
                return Err(SettingsError::new(setting, "must not be 0"));
            }
        }
        if self.max_concurrent_requests > tokio::sync::Semaphore::MAX_PERMITS {
            return Err(SettingsError::new("MAX_CONCURRENT_REQUESTS", "is too large a number"));
        }
        Ok(())
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        let ten_seconds = Duration::from_secs(10);
        Self {
            http_addr: SocketAddr::from(([127, 0, 0, 1], 3000)),
            request_timeout: ten_seconds,
            header_read_timeout: ten_seconds,
            body_read_timeout: ten_seconds,
            max_body_bytes: 1_048_576,
            max_links_per_request: 1_000,
            max_concurrent_requests: 1_000,
        }
    }
}

/// The producer is in no group; the shared validation wants one.
fn no_group() -> GroupSettings {
    GroupSettings {
        kafka_group_id: "linkrelay".to_owned(),
        kafka_group_protocol: GroupProtocol::Classic,
        kafka_group_instance_id: None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> ProducerSettings {
        ProducerSettings::parse_from([&["linkrelay-producer"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        ProducerSettings::command().debug_assert();
    }

    #[test]
    fn nothing_set_is_the_default_and_valid() {
        let settings = parse(&[]);
        assert_eq!(settings.api, ApiSettings::default());
        let new = ProducerSettings::new(settings.kafka.clone(), settings.store.clone());
        assert_eq!(settings.drain_timeout, new.drain_timeout);
        assert_eq!(settings.validate(), Ok(()));
        assert!(settings.delivery_timeout() < settings.api.request_timeout);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (arguments, setting) in [
            (&["--request-timeout", "1999ms"][..], "REQUEST_TIMEOUT"),
            (&["--header-read-timeout", "0s"], "HEADER_READ_TIMEOUT"),
            (&["--body-read-timeout", "0s"], "BODY_READ_TIMEOUT"),
            (&["--max-body-bytes", "0"], "MAX_BODY_BYTES"),
            (&["--max-links-per-request", "0"], "MAX_LINKS_PER_REQUEST"),
            (&["--max-links-per-request", "100001"], "MAX_LINKS_PER_REQUEST"),
            (&["--max-concurrent-requests", "0"], "MAX_CONCURRENT_REQUESTS"),
            (&["--max-concurrent-requests", "18446744073709551615"], "MAX_CONCURRENT_REQUESTS"),
            (&["--drain-timeout", "9s"], "DRAIN_TIMEOUT"),
            (&["--request-timeout", "16s"], "DRAIN_TIMEOUT"),
            (&["--kafka-config", "acks=0"], "KAFKA_CONFIG"),
            (&["--kafka-config", "no.such.key=1"], "KAFKA_CONFIG"),
        ] {
            let error = parse(arguments).validate().expect_err(setting);
            assert_eq!(error.setting, setting, "{error}");
        }
    }
}
