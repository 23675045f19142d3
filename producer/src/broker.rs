//! Watches the broker from the side: is it there, and does it have the topic?
//!
//! The answer goes to readiness, and a topic that is known to be missing spares requests the
//! wait for a delivery that cannot come. Asking also makes librdkafka look at a topic again
//! that it had taken for missing, so that work begins without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linkrelay_common::health::Part;
use linkrelay_kafka::publish::Publish;
use linkrelay_kafka::topic::TopicError;
use tokio_util::sync::CancellationToken;

const PAUSE_WHILE_WELL: Duration = Duration::from_secs(5);
const PAUSE_WHILE_NOT: Duration = Duration::from_secs(1);

/// What is known of the topic. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicKnowledge(Arc<AtomicBool>);

impl TopicKnowledge {
    /// Whether the broker said, the last time it was asked, that there is no such topic.
    pub(crate) fn is_missing(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn learn(&self, checked: &Result<(), TopicError>) {
        self.0.store(matches!(checked, Err(TopicError::Missing(_))), Ordering::Relaxed);
    }
}

/// Asks every few seconds, every second while something is wrong, until `stop`.
pub(crate) async fn watch(
    publish: Arc<dyn Publish>,
    topic: TopicKnowledge,
    part: Part,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let checked = match publish.fatal_error() {
            Some(fatal) => {
                part.fails(format!("the Kafka client has failed and will not work again: {fatal}"));
                Err(())
            }
            None => {
                let checked = publish.check().await;
                topic.learn(&checked);
                let is_well = checked.is_ok();
                part.report(checked);
                if is_well { Ok(()) } else { Err(()) }
            }
        };
        let pause = if checked.is_ok() { PAUSE_WHILE_WELL } else { PAUSE_WHILE_NOT };
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}
