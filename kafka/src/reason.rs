//! Why a connection to a broker failed: librdkafka's words, sorted by what is to be done.
//!
//! A question to a broker that cannot be connected to only times out. What librdkafka says
//! meanwhile, in its log and to its context, is the reason, and the one place that reads it is
//! here.

use std::fmt;

/// Why a client's connection failed the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    cause: Cause,
    said: String,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Wrong user name or password.
    Login,
    /// The broker does not take the SASL mechanism.
    Mechanism,
    /// The broker wants SASL, and the client does not offer it.
    SaslWanted,
    /// OpenSSL refuses the broker's certificate and does not say why.
    Certificate,
    /// The broker's certificate comes from no CA that is trusted.
    UnknownCa,
    /// The broker's certificate is for another name.
    HostName,
    /// The broker's certificate is not valid at this time.
    Expired,
    /// The broker refuses the client's certificate, or wants one.
    ClientCertificate,
    /// TLS to a port without.
    TlsToPlaintext,
    /// No TLS to a port with it.
    PlaintextToTls,
    /// No address for the broker's name.
    Resolve,
    /// Nothing listens on the port.
    Refused,
    /// No way to the host.
    Unreachable,
    /// A connection, and no answer.
    Silent,
    /// None of these; librdkafka's own words have to do.
    Other,
}

/// A connection that lived no longer than that was ended on purpose.
const AT_ONCE_MS: u64 = 2_000;

/// What librdkafka says, or OpenSSL by it, and what it means. The first match counts.
const PATTERNS: [(&str, Cause); 27] = [
    ("mechanism handshake failed", Cause::Mechanism),
    // A TLS alert, read as the size of an answer.
    ("Invalid response size 3525", Cause::PlaintextToTls),
    ("connecting to a PLAINTEXT broker listener?", Cause::TlsToPlaintext),
    ("wrong version number", Cause::TlsToPlaintext),
    ("packet length too long", Cause::TlsToPlaintext),
    ("certificate verify failed", Cause::Certificate),
    ("Failed to verify broker certificate", Cause::Certificate),
    ("alert certificate required", Cause::ClientCertificate),
    ("alert bad certificate", Cause::ClientCertificate),
    ("alert certificate unknown", Cause::ClientCertificate),
    ("alert certificate expired", Cause::ClientCertificate),
    ("alert certificate revoked", Cause::ClientCertificate),
    ("alert unsupported certificate", Cause::ClientCertificate),
    ("alert unknown ca", Cause::ClientCertificate),
    ("client SSL authentication might be required", Cause::ClientCertificate),
    ("Failed to resolve", Cause::Resolve),
    ("Connection refused", Cause::Refused),
    ("No route to host", Cause::Unreachable),
    ("Network is unreachable", Cause::Unreachable),
    ("Connection timed out", Cause::Unreachable),
    ("timed out in state CONNECT", Cause::Unreachable),
    ("timed out", Cause::Silent),
    ("Timed out", Cause::Silent),
    // The connection broke while the password was looked at; some brokers say no more than that.
    ("Broker transport failure", Cause::Other),
    ("SASL authentication", Cause::Login),
    ("Authentication failed", Cause::Login),
    ("SASL SCRAM", Cause::Login),
];

impl Reason {
    /// Sorts one line of librdkafka's. `None` if it only says that a connection ended, as idle
    /// ones do all day.
    pub fn of(line: &str) -> Option<Self> {
        let (said, when) = without_circumstances(line);
        let cause = match PATTERNS.iter().find(|(pattern, _)| said.contains(pattern)) {
            Some((_, cause)) => *cause,
            None if said.contains("Disconnected") => cause_of_an_end(said, when)?,
            None => Cause::Other,
        };
        Some(Self { cause, said: said.to_owned() })
    }

    /// What kind it is.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The same words, and a cause that was looked into.
    #[must_use]
    pub(super) fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    /// The broker that it is about, `host:port`.
    pub(super) fn broker(&self) -> Option<&str> {
        self.said.split_once("://")?.1.split('/').next()
    }

    /// What is wrong, in words.
    pub fn problem(&self) -> String {
        match self.cause.sentence() {
            "" => self.said.clone(),
            sentence => format!("{sentence} ({})", self.said),
        }
    }

    /// What to look at; empty if there is nothing to say.
    pub fn advice(&self) -> &'static str {
        self.cause.advice()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem())?;
        if self.advice().is_empty() { Ok(()) } else { write!(f, "; {}", self.advice()) }
    }
}

impl Cause {
    fn sentence(self) -> &'static str {
        match self {
            Self::Login => "the broker refuses this user name or password",
            Self::Mechanism => "the broker does not take this SASL mechanism",
            Self::SaslWanted => "the broker ends the connection at once, perhaps for want of SASL",
            Self::Certificate => "the broker's certificate cannot be verified",
            Self::UnknownCa => "the broker's certificate is signed by no CA that is trusted here",
            Self::HostName => "the broker's certificate is for another host name",
            Self::Expired => "the broker's certificate is not valid at this time",
            Self::ClientCertificate => "the broker wants a client certificate that it trusts",
            Self::TlsToPlaintext => "the broker does not speak TLS on this port",
            Self::PlaintextToTls => "the broker speaks TLS on this port, and this client does not",
            Self::Resolve => "the broker's host name cannot be resolved",
            Self::Refused => "nothing listens there",
            Self::Unreachable => "the broker's host cannot be reached",
            Self::Silent => "the broker takes connections and does not answer",
            Self::Other => "",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Login => "see sasl.username, sasl.password and sasl.mechanism in KAFKA_CONFIG",
            Self::Mechanism => {
                "set sasl.mechanism in KAFKA_CONFIG to one that the broker has on this port"
            }
            Self::SaslWanted => "see security.protocol in KAFKA_CONFIG: SASL_SSL or SASL_PLAINTEXT",
            Self::Certificate => "see ssl.ca.location in KAFKA_CONFIG, and KAFKA_BROKERS",
            Self::UnknownCa => "set ssl.ca.location in KAFKA_CONFIG to the PEM file of its CA",
            Self::HostName => {
                "name the brokers in KAFKA_BROKERS as their certificates do, and see the brokers' \
                 advertised.listeners"
            }
            Self::Expired => "renew it, or see this machine's clock",
            Self::ClientCertificate => {
                "see ssl.certificate.location and ssl.key.location in KAFKA_CONFIG"
            }
            Self::TlsToPlaintext => {
                "set security.protocol in KAFKA_CONFIG to one without SSL, or KAFKA_BROKERS to the \
                 port with TLS"
            }
            Self::PlaintextToTls => "set security.protocol in KAFKA_CONFIG to SSL or SASL_SSL",
            Self::Resolve => {
                "see KAFKA_BROKERS, the brokers' advertised.listeners, and this machine's DNS"
            }
            Self::Refused => "see that the broker runs, and its port in KAFKA_BROKERS",
            Self::Unreachable => "see KAFKA_BROKERS, and the firewalls on the way",
            Self::Silent => "see that the broker is well, and that KAFKA_BROKERS names its port",
            Self::Other => "",
        }
    }
}

/// A connection that ends says something only by when it ends: before the first answer, or at once
/// after it. (librdkafka has words for both, which 2.12.1 never says: it compares its format with
/// the error's text.)
fn cause_of_an_end(said: &str, when: &str) -> Option<Cause> {
    let (is_tls, is_sasl) = (said.contains("ssl://"), said.contains("sasl_"));
    let (milliseconds, state) = when.split_once("ms in state ")?;
    let is_at_once = milliseconds.parse().is_ok_and(|milliseconds: u64| milliseconds < AT_ONCE_MS);
    if state.starts_with("APIVERSION_QUERY") && !is_tls {
        Some(Cause::PlaintextToTls)
    } else if state.starts_with("UP") && is_at_once && !is_sasl {
        Some(Cause::SaslWanted)
    } else {
        None
    }
}

/// Without librdkafka's thread before it and the milliseconds after it, so that the same reason
/// always reads the same; and these.
fn without_circumstances(line: &str) -> (&str, &str) {
    let line = match line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")) {
        Some((_, said)) => said,
        None => line,
    };
    let (said, when) = line.split_once(" (after ").unwrap_or((line, ""));
    (said.trim(), when)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As librdkafka 2.12.1 said it of a broker of Kafka 4.1.
    const SAID: &[(&str, Cause)] = &[
        (
            "sasl_ssl://127.0.0.1:9093/bootstrap: SASL authentication error: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256 (after 312ms in state AUTH_REQ)",
            Cause::Login,
        ),
        (
            "sasl_ssl://127.0.0.1:9093/bootstrap: SASL authentication error: Authentication failed: Invalid username or password (after 312ms in state AUTH_REQ)",
            Cause::Login,
        ),
        (
            "sasl_ssl://127.0.0.1:9093/bootstrap: SASL SCRAM-SHA-256 mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN (after 5ms in state AUTH_HANDSHAKE)",
            Cause::Mechanism,
        ),
        (
            "ssl://127.0.0.1:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA certificates are installed (install ca-certificates package) (after 4ms in state SSL_HANDSHAKE)",
            Cause::Certificate,
        ),
        (
            "127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
            Cause::Refused,
        ),
        (
            "no-such-host.invalid:9092/bootstrap: Failed to resolve 'no-such-host.invalid:9092': Name or service not known (after 1ms in state CONNECT)",
            Cause::Resolve,
        ),
        (
            "ssl://127.0.0.1:9092/bootstrap: SSL handshake failed: Disconnected: connection closed by peer: connecting to a PLAINTEXT broker listener? (after 3ms in state SSL_HANDSHAKE)",
            Cause::TlsToPlaintext,
        ),
        (
            "127.0.0.1:9093/bootstrap: Disconnected: connection closed by peer: receive 0 after POLLIN (after 28ms in state APIVERSION_QUERY)",
            Cause::PlaintextToTls,
        ),
        (
            "ssl://127.0.0.1:9093/bootstrap: Disconnected: SSL connection closed by peer (after 1ms in state UP)",
            Cause::SaslWanted,
        ),
        (
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL state: broker's supported mechanisms:  (after 4ms in state AUTH_HANDSHAKE)",
            Cause::Mechanism,
        ),
        (
            "ssl://127.0.0.1:9093/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 (after 10ms in state APIVERSION_QUERY)",
            Cause::ClientCertificate,
        ),
    ];

    #[test]
    fn each_reason_has_its_cause() {
        for (line, cause) in SAID {
            let reason = Reason::of(line).unwrap();
            assert_eq!(reason.cause(), *cause, "{line}");
            assert!(!reason.to_string().contains("ms in state"), "{reason}");
            let thread = format!("[thrd:sasl_ssl://[::1]:9/bootstrap]: {line}");
            assert_eq!(Reason::of(&thread), Some(reason), "the log's form of it");
        }
    }

    #[test]
    fn an_end_of_a_connection_is_no_reason() {
        for line in [
            "127.0.0.1:9092/1: Disconnected (after 600000ms in state UP)",
            "127.0.0.1:9092/1: Disconnected: connection closed by peer: POLLHUP (after 9000ms in state UP)",
            "sasl_ssl://127.0.0.1:9092/1: Disconnected (after 9ms in state UP)",
            "127.0.0.1:9092/1: Disconnected",
        ] {
            assert_eq!(Reason::of(line), None, "{line}");
        }
    }

    #[test]
    fn a_reason_says_what_to_look_at_and_a_new_one_is_quoted() {
        let reason = Reason::of(SAID[0].0).unwrap();
        assert_eq!(reason.broker(), Some("127.0.0.1:9093"));
        let said = reason.to_string();
        assert!(said.starts_with("the broker refuses this user name or password (sasl_ssl://"));
        assert!(
            said.ends_with("; see sasl.username, sasl.password and sasl.mechanism in KAFKA_CONFIG")
        );
        let other = Reason::of("kafka:9092/1: Something new (after 1ms in state UP)").unwrap();
        assert_eq!(
            (other.cause(), other.to_string().as_str()),
            (Cause::Other, "kafka:9092/1: Something new")
        );
    }
}
