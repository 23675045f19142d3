//! Watches the broker: whether it can be reached, and whether it has the topic.
//!
//! The result is a part of readiness. If the topic is known to be missing, requests do not wait for
//! a delivery that cannot succeed. A check also makes librdkafka look up a topic again that it has
//! recorded as missing, so that no restart is needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linkrelay_common::health::Part;
use linkrelay_kafka::publish::Publish;
use linkrelay_kafka::topic::TopicError;
use tokio_util::sync::CancellationToken;

const PAUSE_WHILE_WORKING: Duration = Duration::from_secs(5);
const PAUSE_WHILE_FAILING: Duration = Duration::from_secs(1);

/// What is known of the topic. Cheap to clone; all clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicKnowledge(Arc<AtomicBool>);

impl TopicKnowledge {
    /// Whether the broker had no such topic at the last check.
    pub(crate) fn is_missing(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn learn(&self, checked: &Result<(), TopicError>) {
        self.0.store(matches!(checked, Err(TopicError::Missing(_))), Ordering::Relaxed);
    }
}

/// Checks the broker every few seconds, and every second while a check fails, until `stop`.
pub(crate) async fn watch(
    publish: Arc<dyn Publish>,
    topic: TopicKnowledge,
    part: Part,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let mut pause = PAUSE_WHILE_FAILING;
        if let Some(fatal) = publish.fatal_error() {
            part.fails(format!("the Kafka client has failed and will not work again: {fatal}"));
        } else {
            let checked = publish.check().await;
            topic.learn(&checked);
            if checked.is_ok() {
                pause = PAUSE_WHILE_WORKING;
            }
            part.report(checked);
        }
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}
