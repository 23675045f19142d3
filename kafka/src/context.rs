//! librdkafka's own voice, brought into ours, and the last reason that it gave.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSettings;
use super::certificate::Trust;
use super::reason::{Cause, Reason};

/// How long librdkafka may be silent before it counts as having said all.
const SILENCE: Duration = Duration::from_millis(50);
/// More than that is never waiting.
const MAX_UNHEARD: usize = 1_000;

/// The context of clients that only ask, produce, or read by themselves, and what other contexts
/// are made with: log lines, and why the last connection failed. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct RelayContext(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    last: Mutex<Option<Reason>>,
    trust: Trust,
}

impl RelayContext {
    /// The context of a client with these settings.
    pub fn new(kafka: &KafkaSettings) -> Self {
        let trust = Trust::of(&kafka.pass_through());
        Self(Arc::new(Heard { trust, last: Mutex::default() }))
    }

    /// Why the last connection failed, unless a broker has answered since. Blocks if a broker's
    /// certificate has to be looked at: not for an async worker thread.
    pub fn last_reason(&self) -> Option<Reason> {
        let reason = self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        if reason.cause() != Cause::Certificate {
            return Some(reason);
        }
        let cause = reason.broker().and_then(|broker| self.0.trust.why_refused(broker));
        let known = reason.because(cause.unwrap_or(Cause::Certificate));
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Some(known)
    }

    /// A broker has answered: what was wrong is over.
    pub fn forget(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn hear(&self, line: &str) {
        if let Some(reason) = Reason::of(line) {
            *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        }
    }
}

/// KAFKA_CONFIG is for all clients, so each gets settings that only the others need.
const OF_THE_OTHER_ROLE: &str = "property and will be ignored by this";

impl ClientContext for RelayContext {
    /// A failed connection is repeated for as long as a broker is away; that is what
    /// [`linkrelay_common::health`] reports once in a while, so here it is only debug.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" || facility == "ERROR" {
            tracing::debug!(target: "librdkafka", facility, "{message}");
            self.hear(message);
        } else if facility == "CONFWARN" && message.contains(OF_THE_OTHER_ROLE) {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        } else {
            log_line(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", error = %error, "{reason}");
        use RDKafkaErrorCode::{
            Authentication, BrokerTransportFailure, OperationTimedOut, Resolve, SSL,
        };
        // That all brokers are down is no reason; and a consumer hears of much else.
        if let Some(Authentication | BrokerTransportFailure | OperationTimedOut | Resolve | SSL) =
            error.rdkafka_error_code()
        {
            self.hear(reason);
        }
    }
}

impl ConsumerContext for RelayContext {}

/// Takes in what librdkafka has said to a consumer that only asks: it speaks when it is polled.
pub fn hear(consumer: &BaseConsumer<RelayContext>) -> &RelayContext {
    let unheard = std::iter::from_fn(|| consumer.poll(SILENCE));
    // What is polled here are errors, which the context has heard.
    unheard.take(MAX_UNHEARD).for_each(drop);
    consumer.context()
}

fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}")
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "a:1/bootstrap: Connect to ipv4#1.1.1.1:1 failed: Connection refused";

    #[test]
    fn the_last_reason_is_kept_until_a_broker_answers() {
        let context = RelayContext::default();
        assert_eq!(context.last_reason(), None);
        context.log(RDKafkaLogLevel::Error, "FAIL", &format!("[thrd:a:1/bootstrap]: {REFUSED}"));
        let clone = context.clone();
        assert_eq!(clone.last_reason().map(|reason| reason.cause()), Some(Cause::Refused));
        clone.log(RDKafkaLogLevel::Info, "FAIL", "a:1/1: Disconnected (after 9999ms in state UP)");
        let down = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        clone.error(down, "1/1 brokers are down");
        assert_eq!(context.last_reason().map(|reason| reason.cause()), Some(Cause::Refused));
        context.error(KafkaError::Global(RDKafkaErrorCode::Resolve), "a:1: Failed to resolve 'a'");
        assert_eq!(context.last_reason().map(|reason| reason.cause()), Some(Cause::Resolve));
        context.forget();
        assert_eq!(clone.last_reason(), None);
    }
}
