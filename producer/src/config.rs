//! The settings of the role; no other module reads the environment.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::{ArgAction, Args, Parser};
use linkrelay_common::SettingsError;
use linkrelay_common::secrets::UrlWithoutPassword;
use linkrelay_common::version::version;
use linkrelay_extractor::{ThumbnailClient, ThumbnailServer};
use linkrelay_http::MetricsSettings;
use linkrelay_http::browser::CorsOrigins;
use linkrelay_http::client::ClientSettings;
use linkrelay_http::intake::IntakeSettings;
use linkrelay_http::keys::{Access, KeySettings};
use linkrelay_kafka::{GroupProtocol, GroupSettings, KafkaSettings};
use linkrelay_store::StoreSettings;
use linkrelay_telemetry::{LogSettings, TraceSettings};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::forward::ExtractorServer;

/// How much earlier than the request librdkafka gives up a record. It looks for overdue records
/// once a second, so with less a record could outlive the request that awaits it.
const DELIVERY_MARGIN: Duration = Duration::from_millis(1_500);
const DEFAULT_EXTRACTOR_URL: &str = "http://127.0.0.1:5000";
const MIN_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_WAIT_TIMEOUT: Duration = Duration::from_secs(1);
const MIN_SESSION: Duration = Duration::from_secs(1);
/// Room for more than ten thousand thumbnails.
const DEFAULT_THUMBNAIL_CACHE_BYTES: u64 = 256 * 1024 * 1024;
/// Browsers keep no cookie for longer.
const MAX_SESSION: Duration = Duration::from_secs(400 * 24 * 3_600);

/// linkrelay's HTTP API: accepts YouTube links, and answers when Kafka has them safely.
#[derive(Debug, Clone, Parser)]
#[command(name = "linkrelay-producer", version = version(), about)]
pub struct ProducerSettings {
    /// The API's own settings.
    #[command(flatten)]
    pub api: ApiSettings,

    /// The broker and its topics.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// The group of the consumers: its commits show which replays of dead letters are in flight
    #[command(flatten)]
    pub group: GroupSettings,

    /// Where documents are looked up.
    #[command(flatten)]
    pub store: StoreSettings,

    /// Where thumbnails of videos are fetched.
    #[command(flatten)]
    pub thumbnail_server: ThumbnailServer,

    /// How long a stop may take: requests in flight, then records in flight to the broker
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "15s", value_parser = humantime::parse_duration)]
    pub drain_timeout: Duration,

    /// Who may use the API.
    #[command(flatten)]
    pub keys: KeySettings,

    /// Where metrics are served.
    #[command(flatten)]
    pub metrics: MetricsSettings,

    /// How to log.
    #[command(flatten)]
    pub log: LogSettings,

    /// Where traces go.
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// The settings of the HTTP API.
#[derive(Debug, Clone, Args)]
pub struct ApiSettings {
    /// Where the API listens, `address:port` (port 0: any free one)
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:3000")]
    pub http_addr: SocketAddr,

    /// How long links may wait for the broker, or a query for the store, before 503 is answered
    #[arg(long, env = "REQUEST_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub request_timeout: Duration,

    /// The extractor server of the waiting path (`POST /links/send-message-axios`) [default:
    /// http://127.0.0.1:5000; `up`: its own]
    #[arg(long, env = "EXTRACTOR_URL", value_parser = UrlWithoutPassword)]
    pub extractor_url: Option<Url>,

    /// The API key that is sent there, if that server has keys; it needs the scope `submit`
    #[arg(long, env = "EXTRACTOR_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub extractor_api_key: Option<SecretString>,

    /// How long a request of the waiting path waits for its documents before 504 is answered; also
    /// the longest `?wait=` of the Kafka path
    #[arg(long, env = "WAIT_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub wait_timeout: Duration,

    /// The most requests that wait for the extractor server; any more are answered 503 immediately
    #[arg(long, env = "MAX_WAITING_REQUESTS", default_value_t = 500)]
    pub max_waiting_requests: usize,

    /// The most event streams (`GET /links/{id}/events`); any more are answered 503 immediately
    #[arg(long, env = "MAX_EVENT_STREAMS", default_value_t = 1_000)]
    pub max_event_streams: usize,

    /// The most exports (`GET /export`); any more are answered 503 immediately
    #[arg(long, env = "MAX_EXPORTS", default_value_t = 4)]
    pub max_exports: usize,

    /// Also accept links to playlists and channels: only if the consumers have a YOUTUBE_API_KEY,
    /// with which they expand them [default: false; `up`: whether it has that key]
    #[arg(long, env = "EXPAND_LISTS")]
    pub expand_lists: Option<bool>,

    /// The origins whose pages may use the API from a browser (`https://app.example.org`), separated
    /// by commas, or * for every page; without it, only this server's own pages may
    #[arg(long, env = "CORS_ORIGINS", default_value = "")]
    pub cors_origins: CorsOrigins,

    /// Whether the thumbnails of videos are fetched from YouTube, for the page
    #[arg(long, env = "THUMBNAILS", default_value_t = true, action = ArgAction::Set)]
    pub thumbnails: bool,

    /// The most bytes of thumbnails that are kept in DATA_DIR/thumbnails. 0: none
    #[arg(long, env = "THUMBNAIL_CACHE_BYTES", default_value_t = DEFAULT_THUMBNAIL_CACHE_BYTES)]
    pub thumbnail_cache_bytes: u64,

    /// How long a browser that has signed in with an API key stays signed in
    #[arg(long, env = "SESSION_DURATION", default_value = "12h", value_parser = humantime::parse_duration)]
    pub session_duration: Duration,

    /// What clients may send.
    #[command(flatten)]
    pub intake: IntakeSettings,

    /// What one client may have.
    #[command(flatten)]
    pub clients: ClientSettings,
}

impl ProducerSettings {
    /// Returns the default settings, for a program that runs this role itself.
    pub fn new(kafka: KafkaSettings, store: StoreSettings) -> Self {
        Self {
            api: ApiSettings::default(),
            kafka,
            group: default_group(),
            store,
            thumbnail_server: ThumbnailServer::default(),
            drain_timeout: Duration::from_secs(15),
            keys: KeySettings::default(),
            metrics: MetricsSettings::default(),
            log: LogSettings::default(),
            traces: TraceSettings::default(),
        }
    }

    /// Checks the settings, alone and together.
    ///
    /// # Errors
    /// Names the first wrong setting.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.api.validate()?;
        self.access()?;
        self.kafka.validate(&self.group)?;
        let waiting_max = self.max_waiting_records();
        if waiting_max.is_some_and(|max| self.api.intake.max_links_per_request > max) {
            let problem = "a request with that many links would never fit into \
                 queue.buffering.max.messages (100000, unless set with KAFKA_CONFIG)";
            return Err(SettingsError::new("MAX_LINKS_PER_REQUEST", problem));
        }
        if self.drain_timeout < self.api.request_timeout {
            let problem = format!(
                "{:?} is below REQUEST_TIMEOUT ({:?}): a stop would abort requests that wait for the broker",
                self.drain_timeout, self.api.request_timeout
            );
            return Err(SettingsError::new("DRAIN_TIMEOUT", problem));
        }
        Ok(())
    }

    /// Reads who may use the API.
    ///
    /// # Errors
    /// Names the setting that is wrong; HTTP_ADDR if there are no keys and others than this machine
    /// can reach it.
    pub(crate) fn access(&self) -> Result<Access, SettingsError> {
        self.keys.access_needed_at("HTTP_ADDR", self.api.http_addr)
    }

    /// Makes the client of thumbnails, if there is to be one; no request is made yet.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub(crate) fn thumbnail_client(&self) -> Result<Option<ThumbnailClient>, SettingsError> {
        let wanted = self.api.thumbnails.then(|| ThumbnailClient::new(&self.thumbnail_server));
        wanted.transpose()
    }

    /// Returns how long librdkafka tries to deliver a record: less than the request waits for it,
    /// so that usually no record of a request that is answered 503 is still in flight.
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
                "must be at least {MIN_REQUEST_TIMEOUT:?}: librdkafka gives up records {DELIVERY_MARGIN:?} earlier"
            );
            return Err(SettingsError::new("REQUEST_TIMEOUT", problem));
        }
        if self.wait_timeout < MIN_WAIT_TIMEOUT {
            let problem = format!("must be at least {MIN_WAIT_TIMEOUT:?}");
            return Err(SettingsError::new("WAIT_TIMEOUT", problem));
        }
        let most = tokio::sync::Semaphore::MAX_PERMITS;
        for (setting, value) in [
            ("MAX_WAITING_REQUESTS", self.max_waiting_requests),
            ("MAX_EVENT_STREAMS", self.max_event_streams),
            ("MAX_EXPORTS", self.max_exports),
        ] {
            if !(1..=most).contains(&value) {
                return Err(SettingsError::new(setting, format!("must be from 1 to {most}")));
            }
        }
        if !(MIN_SESSION..=MAX_SESSION).contains(&self.session_duration) {
            return Err(SettingsError::new("SESSION_DURATION", "must be from 1s to 400days"));
        }
        self.extractor_server()?;
        self.intake.validate()?;
        self.clients.validate(self.intake.max_links_per_request)
    }

    /// Makes the client of the extractor server; no request is made yet.
    ///
    /// # Errors
    /// Fails if `EXTRACTOR_URL` is wrong, and names it.
    pub(crate) fn extractor_server(&self) -> Result<ExtractorServer, SettingsError> {
        let wrong = |problem: String| SettingsError::new("EXTRACTOR_URL", problem);
        let url = match &self.extractor_url {
            Some(url) => url.clone(),
            None => Url::parse(DEFAULT_EXTRACTOR_URL).map_err(|error| wrong(error.to_string()))?,
        };
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !is_http || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("must be of the form http://host:port".to_owned()));
        }
        let key = self.extractor_api_key.as_ref().map_or("", |key| key.expose_secret()).trim();
        let key = Some(key).filter(|key| !key.is_empty()).map(authorization).transpose()?;
        ExtractorServer::new(&url, key, self.wait_timeout, self.max_waiting_requests)
            .map_err(|error| wrong(error.to_string()))
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            http_addr: SocketAddr::from(([127, 0, 0, 1], 3000)),
            request_timeout: Duration::from_secs(10),
            extractor_url: None,
            extractor_api_key: None,
            wait_timeout: Duration::from_secs(10),
            max_waiting_requests: 500,
            max_event_streams: 1_000,
            max_exports: 4,
            expand_lists: None,
            cors_origins: CorsOrigins::default(),
            thumbnails: true,
            thumbnail_cache_bytes: DEFAULT_THUMBNAIL_CACHE_BYTES,
            session_duration: Duration::from_secs(12 * 3_600),
            intake: IntakeSettings::default(),
            clients: ClientSettings::default(),
        }
    }
}

fn authorization(key: &str) -> Result<HeaderValue, SettingsError> {
    let value = HeaderValue::from_str(&format!("Bearer {key}"));
    let mut value = value
        .map_err(|_| SettingsError::new("EXTRACTOR_API_KEY", "has a character that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn default_group() -> GroupSettings {
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
    fn without_arguments_the_settings_are_the_defaults_and_valid() {
        let settings = parse(&[]);
        assert_eq!(format!("{:?}", settings.api), format!("{:?}", ApiSettings::default()));
        let new = ProducerSettings::new(settings.kafka.clone(), settings.store.clone());
        assert_eq!(settings.drain_timeout, new.drain_timeout);
        assert_eq!(settings.validate(), Ok(()));
        assert!(settings.delivery_timeout() < settings.api.request_timeout);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (arguments, setting) in [
            (&["--request-timeout", "1999ms"][..], "REQUEST_TIMEOUT"),
            (&["--wait-timeout", "999ms"], "WAIT_TIMEOUT"),
            (&["--max-waiting-requests", "0"], "MAX_WAITING_REQUESTS"),
            (&["--max-event-streams", "0"], "MAX_EVENT_STREAMS"),
            (&["--max-exports", "0"], "MAX_EXPORTS"),
            (&["--session-duration", "999ms"], "SESSION_DURATION"),
            (&["--session-duration", "401days"], "SESSION_DURATION"),
            (&["--extractor-url", "ftp://127.0.0.1"], "EXTRACTOR_URL"),
            (&["--extractor-api-key", "a\nb"], "EXTRACTOR_API_KEY"),
            (&["--http-addr", "0.0.0.0:0"], "HTTP_ADDR"),
            (&["--api-keys", "short"], "LINKRELAY_API_KEYS"),
            (&["--header-read-timeout", "0s"], "HEADER_READ_TIMEOUT"),
            (&["--body-read-timeout", "0s"], "BODY_READ_TIMEOUT"),
            (&["--max-body-bytes", "0"], "MAX_BODY_BYTES"),
            (&["--max-links-per-request", "0"], "MAX_LINKS_PER_REQUEST"),
            (
                &["--max-links-per-request", "100001", "--client-links-burst", "100001"],
                "MAX_LINKS_PER_REQUEST",
            ),
            (&["--client-requests-burst", "0"], "CLIENT_REQUESTS_BURST"),
            (&["--client-links-burst", "999"], "CLIENT_LINKS_BURST"),
            (&["--max-links-per-request", "10001"], "CLIENT_LINKS_BURST"),
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
