//! An upgrade instead of faults: the processes of one release are replaced by those of another, one
//! after the other, while links are sent.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep_until;

use super::report::Log;
use super::schedule::CONSUMERS;
use super::settings::{ChaosSettings, Replacement};
use super::world::{World, stop};

/// When each process is replaced, the consumers first and the producer last; the load has a burst
/// before each of them.
pub(super) fn moments(span: Duration) -> Vec<Duration> {
    let steps = CONSUMERS as u32 + 2;
    (1..steps).map(|step| span * step / steps).collect()
}

/// Starts every consumer, then replaces the programs of each process at its time, or as soon as the
/// process before is ready again. Where the protocol of the group changes, all consumers stop
/// before the first one starts: beside members of the old one, one of the new one gets nothing.
///
/// # Errors
/// If a process of the new release does not become ready, with the end of its log.
pub(super) async fn all(
    world: &mut World,
    settings: &ChaosSettings,
    replacement: &Replacement,
    log: &Log,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let ChaosSettings { span, protocol, .. } = *settings;
    for consumer in &mut world.consumers[1..] {
        consumer.start()?;
    }
    for consumer in &world.consumers {
        consumer.until_ready().await?;
    }
    let moments = moments(span);
    if replacement.protocol != protocol {
        sleep_until(log.begin + moments[0]).await;
        log.note("stop all consumers");
        for consumer in &mut world.consumers {
            stop(consumer, log).await;
        }
    }
    let roles = world.consumers.iter_mut().chain([&mut world.producer]);
    for (role, at) in roles.zip(moments) {
        sleep_until(log.begin + at).await;
        let what = format!("replace {}", role.name());
        progress(&format!("{:.0} s: {what}", log.begin.elapsed().as_secs_f64()));
        log.note(&what);
        stop(role, log).await;
        role.replace(&replacement.after, replacement.protocol.env())?;
        role.start()?;
        role.until_ready().await?;
        log.note(&format!("{what}: it is ready"));
    }
    sleep_until(log.begin + span).await;
    Ok(())
}
