//! Lets the topic grow while it is in use.

use std::time::Duration;

use anyhow::{Result, anyhow};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use tokio::time::sleep_until;

use super::timeline::Timeline;
use crate::wait::{SHORT, wait_for};

const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The broker may be down just then.
const GROWTH_LIMIT: Duration = Duration::from_secs(180);

/// Makes each growth at its time, or as soon as the broker takes it.
///
/// # Errors
/// If the broker refuses, or does not answer for minutes.
pub(super) async fn grow(
    config: ClientConfig,
    topic: String,
    growths: Vec<(Duration, i32)>,
    timeline: Timeline,
) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    for (at, count) in growths {
        sleep_until(timeline.begin() + at).await;
        let wanted = usize::try_from(count)?;
        let growing = wait_for("the topic's growth", GROWTH_LIMIT, SHORT * 10, async || {
            grow_once(&admin, &topic, wanted).await.map_err(|error| format!("{error:#}"))
        });
        growing.await?;
        timeline.note(format!("the topic has {count} partitions"));
    }
    // Its drop waits for its thread.
    Ok(tokio::task::spawn_blocking(move || drop(admin)).await?)
}

async fn grow_once(
    admin: &AdminClient<DefaultClientContext>,
    topic: &str,
    count: usize,
) -> Result<()> {
    let options = AdminOptions::new()
        .operation_timeout(Some(ANSWER_LIMIT))
        .request_timeout(Some(ANSWER_LIMIT));
    for grown in admin.create_partitions(&[NewPartitions::new(topic, count)], &options).await? {
        match grown {
            // The broker did it before, and its answer was lost.
            Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions)) => {}
            Err((_, code)) => return Err(anyhow!("{code}")),
        }
    }
    Ok(())
}
