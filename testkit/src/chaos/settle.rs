//! The calm after the faults: everything runs, and what is left is worked off.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::check::Violation;
use super::evidence::Places;
use super::expected::AcknowledgedRequest;
use super::schedule::Target;
use super::server::Server;
use super::timeline::Timeline;
use crate::kafka::KafkaBroker;
use crate::wait::{LONG, SHORT, wait_for};

/// A lag that has not shrunk for so long will not get to 0. Above every back-off and time-out
/// of linkrelay's.
const STALL_LIMIT: Duration = Duration::from_secs(150);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// So many requests are asked for by their status, spread over the run.
const STATUS_SAMPLE: usize = 50;

/// Waits until the group has committed everything. Gives what is wrong if it never does, and
/// processes that ended meanwhile.
///
/// # Errors
/// If a process cannot be started again.
pub(super) async fn until_settled(
    broker: &KafkaBroker,
    roles: &mut [(Target, Server)],
    places: &Places<'_>,
    timeline: &Timeline,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let (mut least, mut last_progress) = (i64::MAX, Instant::now());
    loop {
        for (_, role) in roles.iter_mut() {
            let complaint = role.revive(timeline)?;
            violations.extend(complaint.map(|complaint| Violation::Misbehaved { complaint }));
        }
        let status = match broker.lag(places.group, places.topic).await {
            Ok(0) => return Ok(violations),
            Ok(lag) => {
                if lag < least {
                    (least, last_progress) = (lag, Instant::now());
                }
                format!("lag {lag}")
            }
            Err(error) => format!("{error:#}"),
        };
        if last_progress.elapsed() > STALL_LIMIT {
            let status = format!("{status} for {STALL_LIMIT:?}");
            timeline.note(format!("not settled: {status}"));
            violations.push(Violation::NotSettled { status });
            return Ok(violations);
        }
        progress(&format!("working off what is left: {status}"));
        sleep(LOOK_INTERVAL).await;
    }
}

/// Asks the producer about some requests; by now nothing of them may be pending.
pub(super) async fn check_statuses(
    producer_url: &str,
    requests: &[AcknowledgedRequest],
) -> Vec<Violation> {
    let http = reqwest::Client::new();
    let mut violations = Vec::new();
    let step = requests.len().div_ceil(STATUS_SAMPLE).max(1);
    for request in requests.iter().step_by(step) {
        let url = format!("{producer_url}/links/{}", request.id);
        let done = wait_for("a request's status", LONG, SHORT, async || {
            status(&http, &url).await.map_err(|error| format!("{error:#}"))
        });
        let is_right =
            |status: &Value| status["pending"] == 0 && status["total"] == request.links.len();
        let answer = match done.await {
            Ok(status) if is_right(&status) => continue,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        violations.push(Violation::WrongRequestStatus { id: request.id.clone(), answer });
    }
    violations
}

async fn status(http: &reqwest::Client, url: &str) -> Result<Value> {
    let answer = http.get(url).timeout(LONG).send().await?.error_for_status()?;
    let mut status: Value = answer.json().await?;
    // The list of links is long, and only the counts matter.
    if let Some(members) = status.as_object_mut() {
        members.remove("links");
    }
    Ok(status)
}
