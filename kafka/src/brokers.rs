//! A list of brokers, each of which is checked.

use std::str::FromStr;

/// `host:port`, one or more, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brokers(String);

impl Brokers {
    /// Returns the list as librdkafka reads it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Brokers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let brokers: Vec<&str> = text.split(',').map(str::trim).collect();
        for broker in &brokers {
            check_broker(broker)?;
        }
        Ok(Self(brokers.join(",")))
    }
}

fn check_broker(broker: &str) -> Result<(), String> {
    let is_host_byte = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let wrong = || format!("\"{broker}\" is not of the form host:port");
    let (host, port) = broker.rsplit_once(':').ok_or_else(wrong)?;
    let is_ipv6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_host = is_ipv6 || (!host.is_empty() && host.chars().all(is_host_byte));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    if is_host && is_port { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_host_and_port() {
        for text in ["kafka:9092", "10.0.0.1:9092, b-2.example.com:9094", "[::1]:9092"] {
            assert!(text.parse::<Brokers>().is_ok(), "{text}");
        }
        for text in [
            "",
            "kafka",
            "kafka:",
            ":9092",
            "kafka:0",
            "kafka:70000",
            "http://kafka:9092",
            "a:1,,b:2",
            "::1:9092",
        ] {
            assert!(text.parse::<Brokers>().is_err(), "{text}");
        }
    }
}
