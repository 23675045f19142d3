//! The context of librdkafka's clients: their log lines go to linkrelay's log, and the reason of
//! the last failure is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSettings;
use super::certificate::Trust;
use super::reason::{Cause, Reason};

/// How long a poll waits for another error of librdkafka; after that, all errors were received.
const SILENCE: Duration = Duration::from_millis(50);
/// More errors than that are never waiting.
const MAX_WAITING: usize = 1_000;

/// The context of clients that only send requests, produce, or read without a group; other contexts
/// contain it. It logs, and keeps why the last connection failed. All clones share one state.
#[derive(Debug, Clone, Default)]
pub struct RelayContext(Arc<State>);

#[derive(Debug, Default)]
struct State {
    last: Mutex<Option<Reason>>,
    trust: Trust,
}

impl RelayContext {
    /// Makes the context of a client with these settings.
    pub fn new(kafka: &KafkaSettings) -> Self {
        let trust = Trust::of(&kafka.pass_through());
        Self(Arc::new(State { trust, last: Mutex::default() }))
    }

    /// Returns why the last connection failed, unless a broker has answered since. Blocks if it has
    /// to check a broker's certificate, so it must not be called on an async worker thread.
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

    /// Drops the reason, because a broker has answered.
    pub fn clear_reason(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn keep_reason(&self, line: &str) {
        if let Some(reason) = Reason::of(line) {
            *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        }
    }
}

/// KAFKA_CONFIG is for all clients, so each gets settings that only the others need.
const OF_THE_OTHER_ROLE: &str = "property and will be ignored by this";

impl ClientContext for RelayContext {
    /// Logs a line. librdkafka retries a failed connection for as long as a broker is unreachable,
    /// which [`linkrelay_common::health`] reports periodically, so here it is only logged as debug.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" || facility == "ERROR" {
            tracing::debug!(target: "librdkafka", facility, "{message}");
            self.keep_reason(message);
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
        // That all brokers are down is not a reason, and a consumer gets many other errors.
        if let Some(Authentication | BrokerTransportFailure | OperationTimedOut | Resolve | SSL) =
            error.rdkafka_error_code()
        {
            self.keep_reason(reason);
        }
    }
}

impl ConsumerContext for RelayContext {}

/// Polls a consumer that only sends requests until librdkafka has no error left for it, and returns
/// its context, which then has the last reason.
pub fn drain_errors(consumer: &BaseConsumer<RelayContext>) -> &RelayContext {
    let errors = std::iter::from_fn(|| consumer.poll(SILENCE));
    // The context has received each of them already.
    errors.take(MAX_WAITING).for_each(drop);
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
        context.clear_reason();
        assert_eq!(clone.last_reason(), None);
    }
}
