//! `KAFKA_CONFIG`: librdkafka settings that go through to every client.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rdkafka::ClientConfig;

use super::GroupProtocol;
use crate::settings::SettingsError;

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

/// Settings by their one name. Debug shows the keys only: a value may be a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PassThrough(BTreeMap<String, String>);

impl PassThrough {
    /// Adds the settings to a client's.
    pub fn apply(&self, config: &mut ClientConfig) {
        for (key, value) in &self.0 {
            config.set(key, value);
        }
    }

    /// A setting's value, asked by its one name.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Adds a setting, as a program does that runs the roles itself.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(canonical(key).to_owned(), value.to_owned());
        self
    }

    /// Refuses what is fixed, and what does not go with the group protocol.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` and the key.
    pub(super) fn validate(&self, protocol: GroupProtocol) -> Result<(), SettingsError> {
        for key in self.0.keys() {
            if let Some((_, why)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
                return Err(SettingsError::new(
                    "KAFKA_CONFIG",
                    format!("{key} cannot be set here: it {why}"),
                ));
            }
            if protocol == GroupProtocol::Consumer && CLASSIC_ONLY.contains(&key.as_str()) {
                let problem = format!(
                    "{key} does not go with KAFKA_GROUP_PROTOCOL=consumer: the broker sets it"
                );
                return Err(SettingsError::new("KAFKA_CONFIG", problem));
            }
        }
        Ok(())
    }
}

impl FromStr for PassThrough {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut settings = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            // An entry may hold a secret, so a wrong one is named by its place, never shown.
            let place = settings.len() + 1;
            let (key, value) = entry
                .split_once('=')
                .ok_or_else(|| format!("entry {place} is not of the form key=value"))?;
            let key = canonical(key.trim());
            if settings.insert(key.to_owned(), value.trim().to_owned()).is_some() {
                return Err(format!("{key} is set twice (aliases count as one)"));
            }
        }
        Ok(Self(settings))
    }
}

impl fmt::Debug for PassThrough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
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
    fn no_secret_is_shown() {
        let settings: PassThrough = "sasl.password=tops=ecret, sasl.username = me".parse().unwrap();
        assert_eq!(settings.get("sasl.password"), Some("tops=ecret"));
        assert_eq!(format!("{settings:?}"), r#"{"sasl.password", "sasl.username"}"#);
        assert_eq!(
            "a=1,hunter2".parse::<PassThrough>(),
            Err("entry 2 is not of the form key=value".to_owned())
        );
    }

    #[test]
    fn the_new_protocol_refuses_the_old_keys() {
        for key in CLASSIC_ONLY {
            let settings: PassThrough = format!("{key}=1").parse().unwrap();
            assert!(settings.validate(GroupProtocol::Classic).is_ok());
            assert!(settings.validate(GroupProtocol::Consumer).is_err());
        }
    }
}
