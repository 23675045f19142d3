//! librdkafka settings that are passed through to every client, and which of them are refused.
//!
//! A setting may be a secret, and if it is written wrongly, its parts may be anywhere, even where a
//! key belongs. So an error contains a name only if librdkafka knows it, and otherwise the
//! position; never a value.

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

/// The settings on which linkrelay's promises depend, and those that linkrelay has its own for.
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

/// Settings by their one name. Debug shows only how many there are: a value may be a password, and
/// a key a part of one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PassThrough(BTreeMap<String, Setting>);

#[derive(Clone, PartialEq, Eq)]
struct Setting {
    value: String,
    position: SettingPosition,
}

/// Where a setting is, as text that contains no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SettingPosition {
    /// The variable in which it was set.
    pub(super) variable: &'static str,
    /// What is counted there.
    pub(super) unit: &'static str,
    /// From 1.
    pub(super) number: usize,
}

impl PassThrough {
    /// Adds the settings to those of a client.
    pub fn apply(&self, config: &mut ClientConfig) {
        for (key, setting) in &self.0 {
            config.set(key, &setting.value);
        }
    }

    /// Returns the value of a setting, by its one name.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|setting| setting.value.as_str())
    }

    /// Returns these settings with one more, for a program that runs the roles itself.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let position =
            SettingPosition { variable: "KAFKA_CONFIG", unit: "entry", number: self.0.len() + 1 };
        self.0.insert(canonical(key).to_owned(), Setting { value: value.to_owned(), position });
        self
    }

    /// Returns the settings of both; those of `over` replace these.
    #[must_use]
    pub(super) fn overlaid_with(&self, over: &Self) -> Self {
        let mut settings = self.0.clone();
        settings.extend(over.0.clone());
        Self(settings)
    }

    /// Adds a setting that was read at this position.
    ///
    /// # Errors
    /// A message if it was set before.
    pub(super) fn insert(
        &mut self,
        position: SettingPosition,
        key: &str,
        value: &str,
    ) -> Result<(), String> {
        let key = canonical(key).to_owned();
        let before = self.0.insert(key, Setting { value: value.to_owned(), position });
        match before.map(|setting| setting.position.number) {
            None => Ok(()),
            Some(first) => Err(format!(
                "{position} sets what {} {first} sets (aliases count as one)",
                position.unit
            )),
        }
    }

    /// Refuses what is fixed, what cannot work, and what librdkafka does not know.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable, and the key or the position.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        self.0.iter().try_for_each(|(key, setting)| {
            if let Some((_, why)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
                return Err(self.wrong(key, format!("cannot be set here: it {why}")));
            }
            let problem = match ask_librdkafka(key, &setting.value) {
                Ok(()) => return Ok(()),
                Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
                    let position = setting.position;
                    format!(
                        "{position}: librdkafka knows no setting of that name{}",
                        position.hint()
                    )
                }
                Err(error) => format!("{key}: librdkafka does not take its value{}", range(&error)),
            };
            Err(SettingsError::new(setting.position.variable, problem))
        })
    }

    /// Refuses what does not go with the group protocol.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable and the key.
    pub(super) fn validate_group(&self, protocol: GroupProtocol) -> Result<(), SettingsError> {
        let refused = CLASSIC_ONLY.iter().find(|key| self.0.contains_key(**key));
        match refused.filter(|_| protocol == GroupProtocol::Consumer) {
            None => Ok(()),
            Some(key) => Err(self
                .wrong(key, "does not go with KAFKA_GROUP_PROTOCOL=consumer: the broker sets it")),
        }
    }

    /// Returns the error of a setting whose name is not a secret; `problem` follows the name.
    pub(super) fn wrong(&self, key: &str, problem: impl fmt::Display) -> SettingsError {
        SettingsError::new(self.variable_of(key), format!("{key} {problem}"))
    }

    /// Returns the variable in which a setting was set.
    pub(super) fn variable_of(&self, key: &str) -> &'static str {
        self.0.get(key).map_or("KAFKA_CONFIG", |setting| setting.position.variable)
    }

    /// Returns the first key with this prefix.
    pub(super) fn key_with_prefix(&self, prefix: &str) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|key| key.starts_with(prefix))
    }
}

impl fmt::Debug for PassThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassThrough({} settings)", self.0.len())
    }
}

impl SettingPosition {
    /// Returns a hint to what most often splits a setting in two.
    fn hint(self) -> &'static str {
        if self.unit == "entry" { " (a comma within a value is written \\,)" } else { "" }
    }
}

impl fmt::Display for SettingPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.number)
    }
}

/// Checks whether librdkafka accepts the setting alone.
fn ask_librdkafka(key: &str, value: &str) -> Result<(), KafkaError> {
    let mut config = ClientConfig::new();
    config.set(key, value).create_native_config().map(drop)
}

/// Returns the range that librdkafka allows, which is not secret; its description may repeat the
/// value.
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
    fn what_librdkafka_refuses_is_named_without_the_value() {
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
