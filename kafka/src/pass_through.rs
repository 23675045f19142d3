//! librdkafka settings that go through to every client, and what is refused among them.
//!
//! One of them may be a secret, and where one is written wrongly, its parts may be anywhere,
//! even where a key should. So an error says the names that librdkafka knows, and otherwise the
//! place; never a value.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::error::{IsError, KafkaError};
use rdkafka::types::RDKafkaConfRes;

use crate::GroupProtocol;
use linkrelay_common::settings::SettingsError;

/// Two names of one setting. rust-rdkafka keeps settings in a map without order, so that two
/// aliases would win at random; only the second name of each pair is ever set.
/// From the "Alias for" rows of librdkafka's CONFIGURATION.md.
const ALIASES: [(&str, &str); 12] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.send.max.retries", "retries"),
    ("compression.codec", "compression.type"),
    ("request.required.acks", "acks"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("auto.commit.enable", "enable.auto.commit"),
];

/// What linkrelay's promises rest on, and what has a setting of its own.
const FIXED: [(&str, &str); 10] = [
    ("acks", "is always \"all\""),
    ("enable.idempotence", "is always on"),
    ("enable.auto.commit", "is always off"),
    ("enable.auto.offset.store", "is always off"),
    ("delivery.timeout.ms", "follows REQUEST_TIMEOUT"),
    ("bootstrap.servers", "is set with KAFKA_BROKERS"),
    ("group.id", "is set with KAFKA_GROUP_ID"),
    ("group.protocol", "is set with KAFKA_GROUP_PROTOCOL"),
    ("group.instance.id", "is set with KAFKA_GROUP_INSTANCE_ID"),
    ("allow.auto.create.topics", "is always off"),
];

/// With KIP-848 the broker decides these, and librdkafka refuses them.
const CLASSIC_ONLY: [&str; 3] =
    ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"];

/// Settings by their one name. Debug shows how many there are: a value may be a password, and a
/// key a part of one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PassThrough(BTreeMap<String, Setting>);

#[derive(Clone, PartialEq, Eq)]
struct Setting {
    value: String,
    place: Place,
}

/// Where a setting is, in words that hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The variable that it came with.
    pub(super) variable: &'static str,
    /// What is counted there.
    pub(super) unit: &'static str,
    /// From 1.
    pub(super) number: usize,
}

impl PassThrough {
    /// Adds the settings to a client's.
    pub fn apply(&self, config: &mut ClientConfig) {
        for (key, setting) in &self.0 {
            config.set(key, &setting.value);
        }
    }

    /// A setting's value, asked by its one name.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|setting| setting.value.as_str())
    }

    /// Adds a setting, as a program does that runs the roles itself.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let place = Place { variable: "KAFKA_CONFIG", unit: "entry", number: self.0.len() + 1 };
        self.0.insert(canonical(key).to_owned(), Setting { value: value.to_owned(), place });
        self
    }

    /// These settings, and for those that both have, the others'.
    #[must_use]
    pub(super) fn overlaid_with(&self, over: &Self) -> Self {
        let mut settings = self.0.clone();
        settings.extend(over.0.clone());
        Self(settings)
    }

    /// Adds what was read at `place`.
    pub(super) fn insert(&mut self, place: Place, key: &str, value: &str) -> Result<(), String> {
        let key = canonical(key).to_owned();
        let before = self.0.insert(key, Setting { value: value.to_owned(), place });
        match before.map(|setting| setting.place.number) {
            None => Ok(()),
            Some(first) => {
                Err(format!("{place} sets what {} {first} sets (aliases count as one)", place.unit))
            }
        }
    }

    /// Refuses what is fixed, what cannot work, and what librdkafka does not know.
    ///
    /// # Errors
    /// Names the variable, and the key or the place.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        self.0.iter().try_for_each(|(key, setting)| {
            if let Some((_, why)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
                return Err(self.wrong(key, format!("cannot be set here: it {why}")));
            }
            let problem = match ask_librdkafka(key, &setting.value) {
                Ok(()) => return Ok(()),
                Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
                    let place = setting.place;
                    format!("{place}: librdkafka knows no setting of that name{}", place.hint())
                }
                Err(error) => format!("{key}: librdkafka does not take its value{}", range(&error)),
            };
            Err(SettingsError::new(setting.place.variable, problem))
        })
    }

    /// Refuses what does not go with the group protocol.
    ///
    /// # Errors
    /// Names the variable and the key.
    pub(super) fn validate_group(&self, protocol: GroupProtocol) -> Result<(), SettingsError> {
        let refused = CLASSIC_ONLY.iter().find(|key| self.0.contains_key(**key));
        match refused.filter(|_| protocol == GroupProtocol::Consumer) {
            None => Ok(()),
            Some(key) => Err(self
                .wrong(key, "does not go with KAFKA_GROUP_PROTOCOL=consumer: the broker sets it")),
        }
    }

    /// The error of a setting whose name is known to everybody; `problem` goes on after it.
    pub(super) fn wrong(&self, key: &str, problem: impl fmt::Display) -> SettingsError {
        SettingsError::new(self.variable_of(key), format!("{key} {problem}"))
    }

    /// The variable that a setting came with.
    pub(super) fn variable_of(&self, key: &str) -> &'static str {
        self.0.get(key).map_or("KAFKA_CONFIG", |setting| setting.place.variable)
    }

    /// The first key that begins so.
    pub(super) fn key_with_prefix(&self, prefix: &str) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|key| key.starts_with(prefix))
    }
}

impl fmt::Debug for PassThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassThrough({} settings)", self.0.len())
    }
}

impl Place {
    /// What most often breaks a setting in two.
    fn hint(self) -> &'static str {
        if self.unit == "entry" { " (a comma within a value is written \\,)" } else { "" }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.number)
    }
}

/// Whether librdkafka takes it, alone.
fn ask_librdkafka(key: &str, value: &str) -> Result<(), KafkaError> {
    let mut config = ClientConfig::new();
    config.set(key, value).create_native_config().map(drop)
}

/// librdkafka's description may repeat the value; the range that it allows is not secret.
fn range(error: &KafkaError) -> String {
    let KafkaError::ClientConfig(code, description, ..) = error else { return String::new() };
    let range = description.find("allowed range").filter(|_| code.is_error());
    range.map(|at| format!(": {}", description[at..].trim_end())).unwrap_or_default()
}

fn canonical(key: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_become_one_name() {
        for (alias, name) in ALIASES {
            let settings: PassThrough = format!("{alias}=1").parse().unwrap();
            assert_eq!(settings.get(name), Some("1"));
            assert!(format!("{alias}=1,{name}=2").parse::<PassThrough>().is_err(), "{alias}");
        }
    }

    #[test]
    fn a_debug_print_shows_neither_values_nor_keys() {
        let settings: PassThrough = "sasl.password=hun,ter2=1".parse().unwrap();
        assert_eq!(format!("{settings:?}"), "PassThrough(2 settings)");
    }

    #[test]
    fn the_new_protocol_refuses_the_old_keys() {
        for key in CLASSIC_ONLY {
            let settings: PassThrough = format!("{key}=1").parse().unwrap();
            assert!(settings.validate_group(GroupProtocol::Classic).is_ok());
            assert!(settings.validate_group(GroupProtocol::Consumer).is_err());
        }
    }

    #[test]
    fn what_librdkafka_does_not_take_is_named_without_the_value() {
        for (text, problem) in [
            ("no.such.key=1", "entry 1: librdkafka knows no setting of that name"),
            ("linger.ms=1,,ter2=1", "entry 3: librdkafka knows no setting of that name"),
            ("linger.ms=hunter2", "linger.ms: librdkafka does not take its value"),
            ("linger.ms=-7", "linger.ms: librdkafka does not take its value: allowed range 0"),
            ("security.protocol=hunter2", "security.protocol: librdkafka does not take"),
            ("acks=0", "acks cannot be set here: it is always \"all\""),
        ] {
            let error = text.parse::<PassThrough>().unwrap().validate().unwrap_err();
            assert_eq!(error.setting, "KAFKA_CONFIG");
            assert!(error.problem.starts_with(problem), "{text}: {error}");
            for value in ["hunter2", "ter2", "-7"] {
                assert!(!error.problem.contains(value), "{text}: {error}");
            }
        }
    }
}
