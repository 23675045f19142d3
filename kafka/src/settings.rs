//! How to reach Kafka: settings in, librdkafka configurations out.
//!
//! No other module of linkrelay writes a librdkafka key. What prevents lost and doubled links is
//! fixed here; everything else can be set with `KAFKA_CONFIG`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::parse::Source;
use crate::{Brokers, PassThrough, security};

use linkrelay_common::SettingsError;
use linkrelay_common::record_origin::is_topic_name;

/// The broker that is used if none is set.
pub const DEFAULT_BROKERS: &str = "127.0.0.1:9092";
const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(300);
/// The largest request that a broker accepts unless it is set otherwise
/// (`socket.request.max.bytes`), so none of its records is larger.
const MAX_RECORD_BYTES: usize = 100 * 1024 * 1024;

/// The cluster and the topics.
#[derive(Debug, Clone, Args)]
pub struct KafkaSettings {
    /// Kafka brokers, `host:port`, separated by commas [default: 127.0.0.1:9092; `up`: an embedded broker]
    #[arg(long, env = "KAFKA_BROKERS")]
    pub kafka_brokers: Option<Brokers>,

    /// The topic of links
    #[arg(long, env = "KAFKA_TOPIC", default_value = "LINKS-YOUTUBE", value_parser = topic_name)]
    pub kafka_topic: String,

    /// The topic of dead letters
    #[arg(long, env = "KAFKA_DLQ_TOPIC", default_value = "LINKS-YOUTUBE.dlq", value_parser = topic_name)]
    pub kafka_dlq_topic: String,

    /// The topic to which a consumer also publishes each document that it wrote [default: none]
    #[arg(long, env = "KAFKA_RESULTS_TOPIC", default_value = "", hide_default_value = true, value_parser = topic_name_or_none)]
    pub kafka_results_topic: String,

    /// More librdkafka settings for every client, `key=value`, separated by commas (TLS, SASL, …);
    /// within a value, `\,` is a comma and `\\` a backslash
    #[arg(long, env = "KAFKA_CONFIG", default_value = "", hide_env_values = true, value_parser = Source::Text)]
    pub kafka_config: PassThrough,

    /// A file with more of them, a `key=value` on each line, `#` before a comment;
    /// KAFKA_CONFIG replaces what both set
    #[arg(long, env = "KAFKA_CONFIG_FILE", default_value = "", hide_env_values = true, value_name = "FILE", value_parser = Source::File)]
    pub kafka_config_file: PassThrough,
}

/// The consumer group.
#[derive(Debug, Clone, Args)]
pub struct GroupSettings {
    /// The consumer group
    #[arg(long, env = "KAFKA_GROUP_ID", default_value = "linkrelay")]
    pub kafka_group_id: String,

    /// How the group shares partitions: `classic` (cooperative-sticky) or `consumer` (KIP-848)
    #[arg(long, env = "KAFKA_GROUP_PROTOCOL", default_value = "classic")]
    pub kafka_group_protocol: GroupProtocol,

    /// A fixed name of this member (static membership): a restart within the session time-out moves no partition
    #[arg(long, env = "KAFKA_GROUP_INSTANCE_ID")]
    pub kafka_group_instance_id: Option<String>,
}

/// How a group shares partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GroupProtocol {
    /// The clients decide, cooperatively (KIP-429).
    Classic,
    /// The broker decides (KIP-848).
    Consumer,
}

impl KafkaSettings {
    /// Returns the brokers to connect to.
    pub fn brokers(&self) -> &str {
        self.kafka_brokers.as_ref().map_or(DEFAULT_BROKERS, Brokers::as_str)
    }

    /// Returns the topic of results, if there is one.
    pub fn results_topic(&self) -> Option<&str> {
        Some(self.kafka_results_topic.as_str()).filter(|name| !name.is_empty())
    }

    /// Returns the configuration of a client that only sends requests (metadata, topics).
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.add_to(&mut config);
        config
    }

    /// Adds what all clients share; what was passed through replaces what is there.
    // Not through `config_map`, which has a placeholder for each password.
    fn add_to(&self, config: &mut ClientConfig) {
        config.set("bootstrap.servers", self.brokers()).set("client.id", "linkrelay");
        // An operator creates the topics, with the right number of partitions.
        config.set("allow.auto.create.topics", "false");
        // How soon partitions are seen that were added; the default is five minutes.
        config.set("topic.metadata.refresh.interval.ms", "30000");
        config.set("socket.keepalive.enable", "true").set("reconnect.backoff.max.ms", "2000");
        config.set_log_level(RDKafkaLogLevel::Info);
        let settings = self.pass_through();
        if let Some(location) = security::ca_location(&settings) {
            config.set("ssl.ca.location", location);
        }
        settings.apply(config);
    }

    /// Returns what was set with `KAFKA_CONFIG`, and in the file what that does not set.
    pub fn pass_through(&self) -> PassThrough {
        self.kafka_config_file.overlaid_with(&self.kafka_config)
    }

    /// Returns the configuration of a producer that acknowledges only what every in-sync replica
    /// has, each record once. `delivery_timeout` is the longest that a record may wait for its
    /// acknowledgement.
    pub fn producer(&self, delivery_timeout: Duration) -> ClientConfig {
        let mut config = ClientConfig::new();
        // No linger: what comes while a request is in flight goes with the next one, and no client
        // waits for other clients' links. So the batches are small, and each would cost a new
        // context of zstd: with lz4, 50% more POSTs were answered.
        config.set("compression.type", "lz4").set("linger.ms", "0");
        config
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "131072");
        // The broker decides what is too large, for each topic: librdkafka's own limit is
        // 1,000,000 bytes with key and headers, less than the broker's default.
        config.set("message.max.bytes", MAX_RECORD_BYTES.to_string());
        self.add_to(&mut config);
        config.set("acks", "all").set("enable.idempotence", "true");
        config.set("delivery.timeout.ms", delivery_timeout.as_millis().to_string());
        config
    }

    /// Returns the configuration of a member of the group that commits nothing on its own.
    pub fn consumer(&self, group: &GroupSettings) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Lanes bound what is in flight; librdkafka's own queues only have to keep them fed. Each
        // partition is read from a queue of its own, so these are sizes of one partition.
        config.set("queued.min.messages", "1000").set("queued.max.messages.kbytes", "1024");
        config.set("max.partition.fetch.bytes", "131072");
        // How long librdkafka stops fetching once that queue is full. Its default, a second, lets
        // lanes run dry: a drain of 130,000 links a second became one of 9,000.
        config.set("fetch.queue.backoff.ms", "10");
        // For the end of each partition's log, and so the lag.
        config.set("statistics.interval.ms", "5000");
        config.set("fetch.wait.max.ms", "50").set("auto.offset.reset", "earliest");
        config.set("max.poll.interval.ms", MAX_POLL_INTERVAL.as_millis().to_string());
        if group.kafka_group_protocol == GroupProtocol::Classic {
            config.set("session.timeout.ms", SESSION_TIMEOUT.as_millis().to_string());
            // A member learns of a rebalance at its next heartbeat, and a cooperative one takes two:
            // with the 3 s that are the default, a new consumer waited 6 s for its first link.
            config.set("heartbeat.interval.ms", "1000");
            config.set("partition.assignment.strategy", "cooperative-sticky");
        } else {
            config.set("group.protocol", "consumer");
        }
        self.add_to(&mut config);
        config.set("group.id", &group.kafka_group_id);
        if let Some(instance_id) = &group.kafka_group_instance_id {
            config.set("group.instance.id", instance_id);
        }
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config
    }

    /// Returns where a member begins to read a partition of which its group has no commit: at the
    /// beginning, unless `auto.offset.reset` was set otherwise.
    pub fn without_commit(&self) -> rdkafka::Offset {
        match self.pass_through().get("auto.offset.reset") {
            Some("latest" | "largest" | "end") => rdkafka::Offset::End,
            // librdkafka then reports an error, as this value requires.
            Some("error") => rdkafka::Offset::Stored,
            _ => rdkafka::Offset::Beginning,
        }
    }

    /// Returns the configuration of a client that reads a topic without a group and commits
    /// nothing. It gets an event at the end of each partition.
    pub fn reader(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("queued.max.messages.kbytes", "16384").set("fetch.wait.max.ms", "50");
        self.add_to(&mut config);
        // librdkafka requires the name of a group to read records; the client joins no group.
        config.set("group.id", "linkrelay-reader");
        config.set("auto.offset.reset", "earliest").set("enable.partition.eof", "true");
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config
    }

    /// Checks what a member of the group needs, without touching the network.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable, and the key or its position.
    pub fn validate(&self, group: &GroupSettings) -> Result<(), SettingsError> {
        self.validate_topics()?;
        if group.kafka_group_id.is_empty() {
            return Err(SettingsError::new("KAFKA_GROUP_ID", "must not be empty"));
        }
        self.validate_clients()?;
        self.pass_through().validate_group(group.kafka_group_protocol)
    }

    /// Checks that no two topics are the same.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable of one of them.
    pub fn validate_topics(&self) -> Result<(), SettingsError> {
        if self.kafka_topic == self.kafka_dlq_topic {
            return Err(SettingsError::new("KAFKA_DLQ_TOPIC", "must differ from KAFKA_TOPIC"));
        }
        if [&self.kafka_topic, &self.kafka_dlq_topic].contains(&&self.kafka_results_topic) {
            let problem = "must differ from KAFKA_TOPIC and KAFKA_DLQ_TOPIC";
            return Err(SettingsError::new("KAFKA_RESULTS_TOPIC", problem));
        }
        Ok(())
    }

    /// Checks what was passed through, for all clients, without touching the network.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable, and the key or its position.
    pub fn validate_clients(&self) -> Result<(), SettingsError> {
        let settings = self.pass_through();
        security::validate(&settings)?;
        settings.validate()
    }
}

impl GroupSettings {
    /// Returns how long the group waits for a silent member before it gives its partitions away.
    /// With KIP-848 the broker decides: then it is the broker's default.
    pub fn session_timeout(&self, kafka: &KafkaSettings) -> Duration {
        milliseconds(&kafka.consumer(self), "session.timeout.ms").unwrap_or(SESSION_TIMEOUT)
    }

    /// Checks that a drain ends before the group gives the partitions away on its own, which it
    /// does when a member does not rejoin within max.poll.interval.ms. The session time-out is not
    /// a limit: the consumer continues to poll while it drains, and librdkafka sends heartbeats.
    ///
    /// # Errors
    /// [`SettingsError`] for `DRAIN_TIMEOUT`.
    pub fn validate_drain(
        &self,
        kafka: &KafkaSettings,
        drain_timeout: Duration,
    ) -> Result<(), SettingsError> {
        let limit = milliseconds(&kafka.consumer(self), "max.poll.interval.ms");
        match limit.filter(|limit| drain_timeout >= *limit) {
            None => Ok(()),
            Some(limit) => {
                let problem =
                    format!("{drain_timeout:?} must be below max.poll.interval.ms ({limit:?})");
                Err(SettingsError::new("DRAIN_TIMEOUT", problem))
            }
        }
    }
}

/// Returns the time that this key is set to.
fn milliseconds(config: &ClientConfig, key: &str) -> Option<Duration> {
    config.get(key).and_then(|text| text.parse().ok()).map(Duration::from_millis)
}

/// Returns the error of a client that could not be made, which is always that of a wrong setting.
pub fn unknown_key(error: &KafkaError) -> SettingsError {
    match error {
        // Its description may repeat the value, which may be a password.
        KafkaError::ClientConfig(_, _, key, _) => {
            SettingsError::new("KAFKA_CONFIG", format!("{key}: librdkafka does not take its value"))
        }
        other => SettingsError::new("KAFKA_CONFIG", other.to_string()),
    }
}

fn topic_name(name: &str) -> Result<String, String> {
    if is_topic_name(name) {
        return Ok(name.to_owned());
    }
    Err("a topic name is 1 to 249 characters of A-Z, a-z, 0-9, '.', '_' and '-'".to_owned())
}

/// An empty variable, as a compose file passes it, is no topic.
fn topic_name_or_none(name: &str) -> Result<String, String> {
    if name.is_empty() { Ok(String::new()) } else { topic_name(name) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        kafka: KafkaSettings,
        #[command(flatten)]
        group: GroupSettings,
    }

    fn settings(arguments: &[&str]) -> Settings {
        Settings::parse_from([&["test"], arguments].concat())
    }

    #[test]
    fn settings_that_keep_links_safe_cannot_be_changed() {
        let settings = settings(&["--kafka-config", "acks=0,linger.ms=7"]);
        let error = settings.kafka.validate(&settings.group).unwrap_err();
        assert_eq!(error.setting, "KAFKA_CONFIG");
        assert!(error.problem.contains("acks"), "{error}");
        let config = settings.kafka.producer(Duration::from_secs(9));
        let map = config.config_map();
        assert_eq!((map["acks"], map["enable.idempotence"]), ("all", "true"));
        assert_eq!((map["linger.ms"], map["delivery.timeout.ms"]), ("7", "9000"));
    }

    #[test]
    fn results_have_a_topic_of_their_own_or_none() {
        for (arguments, topic) in [
            (&[][..], None),
            (&["--kafka-results-topic", ""], None),
            (&["--kafka-results-topic", "DONE"], Some("DONE")),
        ] {
            let settings = settings(arguments);
            assert_eq!(settings.kafka.results_topic(), topic);
            settings.kafka.validate(&settings.group).unwrap();
        }
        for taken in ["LINKS-YOUTUBE", "LINKS-YOUTUBE.dlq"] {
            let settings = settings(&["--kafka-results-topic", taken]);
            let error = settings.kafka.validate(&settings.group).unwrap_err();
            assert_eq!(error.setting, "KAFKA_RESULTS_TOPIC");
        }
        assert!(Settings::try_parse_from(["test", "--kafka-results-topic", "a b"]).is_err());
    }

    #[test]
    fn the_line_wins_over_the_file_and_each_error_names_its_own() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "linger.ms=7\nretries=9\nno.such.key=1\n").unwrap();
        let path = file.path().to_str().unwrap();
        let settings = settings(&["--kafka-config-file", path, "--kafka-config", "linger.ms=8"]);
        let config = settings.kafka.producer(Duration::from_secs(9));
        let map = config.config_map();
        assert_eq!((map["linger.ms"], map["retries"]), ("8", "9"));
        let error = settings.kafka.validate(&settings.group).unwrap_err().to_string();
        assert!(error.starts_with("KAFKA_CONFIG_FILE: line 3: "), "{error}");
    }

    #[test]
    fn a_wrong_line_is_refused_without_being_shown() {
        let refused = Settings::try_parse_from(["test", "--kafka-config", "a=1,hunter2"]);
        let said = refused.map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("KAFKA_CONFIG: entry 2 is not"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_password_reaches_every_client() {
        let settings = settings(&["--kafka-config", "sasl.password=hunter2,ssl.key.password=x"]);
        let kafka = &settings.kafka;
        for config in [
            kafka.client(),
            kafka.reader(),
            kafka.producer(Duration::from_secs(9)),
            kafka.consumer(&settings.group),
        ] {
            let native = config.create_native_config().unwrap();
            assert_eq!(native.get("sasl.password").unwrap().trim_end_matches('\0'), "hunter2");
        }
    }

    #[test]
    fn the_new_group_protocol_comes_without_the_old_keys() {
        let settings =
            settings(&["--kafka-group-protocol", "consumer", "--kafka-group-instance-id", "a"]);
        settings.kafka.validate(&settings.group).unwrap();
        let config = settings.kafka.consumer(&settings.group);
        let map = config.config_map();
        assert_eq!((map["group.protocol"], map["group.instance.id"]), ("consumer", "a"));
        for key in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"]
        {
            assert!(!map.contains_key(key), "{key}");
        }
    }

    #[test]
    fn a_reader_commits_nothing_no_matter_what_is_passed_through() {
        let settings = settings(&["--kafka-config", "enable.auto.commit=true,fetch.wait.max.ms=7"]);
        let config = settings.kafka.reader();
        let map = config.config_map();
        assert_eq!((map["enable.auto.commit"], map["fetch.wait.max.ms"]), ("false", "7"));
        config.create_native_config().unwrap();
    }

    #[test]
    fn the_session_time_out_is_what_the_group_gets() {
        for (arguments, seconds) in [
            (&[][..], 45),
            (&["--kafka-config", "session.timeout.ms=120000"], 120),
            (&["--kafka-group-protocol", "consumer"], 45),
        ] {
            let settings = settings(arguments);
            let timeout = settings.group.session_timeout(&settings.kafka);
            assert_eq!(timeout, Duration::from_secs(seconds), "{arguments:?}");
        }
    }

    #[test]
    fn a_drain_longer_than_the_poll_interval_is_refused() {
        let settings =
            settings(&["--kafka-config", "max.poll.interval.ms=60000,session.timeout.ms=6000"]);
        let validate =
            |seconds| settings.group.validate_drain(&settings.kafka, Duration::from_secs(seconds));
        assert!(validate(59).is_ok());
        assert_eq!(validate(60).unwrap_err().setting, "DRAIN_TIMEOUT");
    }
}
