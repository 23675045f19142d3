//! Why a connection to a broker failed: librdkafka's messages, by what the operator has to do.
//!
//! A request to an unreachable broker only times out. The reason is in what librdkafka logs and
//! reports to its context in the meantime, and only this module reads that.

use std::fmt;

/// Why a client's connection failed the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    cause: Cause,
    message: String,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Wrong user name or password.
    Login,
    /// The broker does not take the SASL mechanism.
    Mechanism,
    /// The broker requires SASL, and the client does not offer it.
    SaslRequired,
    /// OpenSSL refuses the broker's certificate and does not say why.
    Certificate,
    /// The broker's certificate comes from no CA that is trusted.
    UnknownCa,
    /// The broker's certificate is for another name.
    HostName,
    /// The broker's certificate is not valid at this time.
    Expired,
    /// The broker refuses the client's certificate, or requires one.
    ClientCertificate,
    /// The client uses TLS on a port without it.
    TlsToPlaintext,
    /// The client does not use TLS on a port with it.
    PlaintextToTls,
    /// The broker's name has no address.
    Resolve,
    /// Nothing listens on the port.
    Refused,
    /// There is no route to the host.
    Unreachable,
    /// The broker accepts connections and does not answer.
    Silent,
    /// Another cause, of which there is only librdkafka's message.
    Other,
}

/// The broker ended a connection on purpose if it lasted no longer than that.
const ON_PURPOSE_MS: u64 = 2_000;

/// Texts of librdkafka and OpenSSL, and their causes. The first match counts.
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
    // The connection broke while the broker checked the password; some brokers send no other error.
    ("Broker transport failure", Cause::Other),
    ("SASL authentication", Cause::Login),
    ("Authentication failed", Cause::Login),
    ("SASL SCRAM", Cause::Login),
];

impl Reason {
    /// Reads one line of librdkafka. Returns `None` if it only reports the end of a connection, as
    /// of one that was idle.
    pub fn of(line: &str) -> Option<Self> {
        let (message, when) = without_circumstances(line);
        let cause = match PATTERNS.iter().find(|(pattern, _)| message.contains(pattern)) {
            Some((_, cause)) => *cause,
            None if message.contains("Disconnected") => cause_of_an_end(message, when)?,
            None => Cause::Other,
        };
        Some(Self { cause, message: message.to_owned() })
    }

    /// Returns the kind of reason.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the same message with a cause that was found out later.
    #[must_use]
    pub(super) fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    /// Returns the broker that it is about, `host:port`.
    pub(super) fn broker(&self) -> Option<&str> {
        self.message.split_once("://")?.1.split('/').next()
    }

    /// Returns the failure as text.
    pub fn problem(&self) -> String {
        match self.cause.sentence() {
            "" => self.message.clone(),
            sentence => format!("{sentence} ({})", self.message),
        }
    }

    /// Returns what the operator can check; empty if there is no advice.
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
            Self::SaslRequired => {
                "the broker ends the connection immediately, perhaps because it requires SASL"
            }
            Self::Certificate => "the broker's certificate cannot be verified",
            Self::UnknownCa => "the broker's certificate is signed by no CA that is trusted here",
            Self::HostName => "the broker's certificate is for another host name",
            Self::Expired => "the broker's certificate is not valid at this time",
            Self::ClientCertificate => "the broker requires a client certificate that it trusts",
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
            Self::SaslRequired => {
                "see security.protocol in KAFKA_CONFIG: SASL_SSL or SASL_PLAINTEXT"
            }
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
            Self::Unreachable => "see KAFKA_BROKERS, and the firewalls in between",
            Self::Silent => "see that the broker works, and that KAFKA_BROKERS names its port",
            Self::Other => "",
        }
    }
}

/// Returns the cause of the end of a connection, which follows only from when it ends: before the
/// first answer, or immediately after it. (librdkafka has messages for both, which 2.12.1 never
/// writes: it compares its format with the error's text.)
fn cause_of_an_end(message: &str, when: &str) -> Option<Cause> {
    let (is_tls, is_sasl) = (message.contains("ssl://"), message.contains("sasl_"));
    let (milliseconds, state) = when.split_once("ms in state ")?;
    let is_on_purpose =
        milliseconds.parse().is_ok_and(|milliseconds: u64| milliseconds < ON_PURPOSE_MS);
    if state.starts_with("APIVERSION_QUERY") && !is_tls {
        Some(Cause::PlaintextToTls)
    } else if state.starts_with("UP") && is_on_purpose && !is_sasl {
        Some(Cause::SaslRequired)
    } else {
        None
    }
}

/// Splits a line into its message and the milliseconds after it, and drops librdkafka's thread, so
/// that the same reason always has the same text.
fn without_circumstances(line: &str) -> (&str, &str) {
    let line = match line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")) {
        Some((_, message)) => message,
        None => line,
    };
    let (message, when) = line.split_once(" (after ").unwrap_or((line, ""));
    (message.trim(), when)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that librdkafka 2.12.1 logged about a broker of Kafka 4.1.
    const LINES: &[(&str, Cause)] = &[
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
            Cause::SaslRequired,
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
        for (line, cause) in LINES {
            let reason = Reason::of(line).unwrap();
            assert_eq!(reason.cause(), *cause, "{line}");
            assert!(!reason.to_string().contains("ms in state"), "{reason}");
            let thread = format!("[thrd:sasl_ssl://[::1]:9/bootstrap]: {line}");
            assert_eq!(Reason::of(&thread), Some(reason), "the log's form of it");
        }
    }

    #[test]
    fn an_end_of_a_connection_is_not_a_reason() {
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
    fn a_reason_has_advice_and_an_unknown_one_is_quoted() {
        let reason = Reason::of(LINES[0].0).unwrap();
        assert_eq!(reason.broker(), Some("127.0.0.1:9093"));
        let message = reason.to_string();
        assert!(message.starts_with("the broker refuses this user name or password (sasl_ssl://"));
        assert!(
            message
                .ends_with("; see sasl.username, sasl.password and sasl.mechanism in KAFKA_CONFIG")
        );
        let other = Reason::of("kafka:9092/1: Something new (after 1ms in state UP)").unwrap();
        assert_eq!(
            (other.cause(), other.to_string().as_str()),
            (Cause::Other, "kafka:9092/1: Something new")
        );
    }
}
