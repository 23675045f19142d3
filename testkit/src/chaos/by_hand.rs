//! Puts records straight into the topic, as somebody at a console does: no key, no headers.

use std::time::Duration;

use anyhow::Result;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::time::{sleep, sleep_until};

use super::expected::RecordByHand;
use super::load::PlannedRecord;
use super::timeline::Timeline;

const RETRY_WAIT: Duration = Duration::from_millis(500);

/// Publishes each record at its time, trying until the broker has it, and gives all of them. One
/// may be there twice then; the topic itself tells.
///
/// # Errors
/// If there can be no client.
pub(super) async fn publish(
    mut config: ClientConfig,
    topic: String,
    records: Vec<PlannedRecord>,
    timeline: Timeline,
) -> Result<Vec<RecordByHand>> {
    config.set("acks", "all").set("enable.idempotence", "true");
    config.set("message.timeout.ms", "30000").set("topic.metadata.refresh.interval.ms", "2000");
    let producer: FutureProducer = config.create()?;
    let mut published = Vec::with_capacity(records.len());
    for planned in records {
        sleep_until(timeline.begin() + planned.at).await;
        let value = planned.record.value.as_slice();
        let record = || FutureRecord::<(), [u8]>::to(&topic).payload(value);
        while let Err((error, _)) = producer.send(record(), Timeout::Never).await {
            timeline.note(format!("a record by hand was not taken: {error}"));
            sleep(RETRY_WAIT).await;
        }
        published.push(planned.record);
    }
    // Its drop waits for its thread.
    tokio::task::spawn_blocking(move || drop(producer)).await?;
    Ok(published)
}
