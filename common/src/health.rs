//! What a role says of itself: which of its parts work, and why one does not.
//!
//! The code that watches a part holds its [`Part`] and reports; the code that answers
//! `/health/ready` holds the [`Health`] and asks. A change is logged once, a lasting failure once a
//! minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often a lasting failure is logged again.
const REMINDER: Duration = Duration::from_secs(60);
/// How long what was met in use outlasts a check that finds nothing: a store whose disk is full
/// answers a ping. Longer than the pause between two tries, so that readiness does not flicker;
/// but it ends, because a role that gets no requests while it is not ready would never be ready again.
const OUTLASTS_CHECKS: Duration = Duration::from_secs(15);

/// The parts of one role. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Reports>>);

#[derive(Debug, Default)]
struct Reports {
    parts: BTreeMap<&'static str, Status>,
    warnings: BTreeMap<&'static str, String>,
}

/// One part's report.
#[derive(Debug, Clone)]
struct Status {
    failure: Option<String>,
    said_at: Option<Instant>,
    /// When it was met in use, and not by a check.
    met_at: Option<Instant>,
}

impl Status {
    fn of(failure: Option<String>) -> Self {
        Self { failure, said_at: None, met_at: None }
    }
}

/// The handle of the code that watches one part.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    health: Health,
}

/// The answer of `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether every part works.
    pub ready: bool,
    /// Each part by name: `"ok"`, or why not.
    pub parts: BTreeMap<&'static str, String>,
    /// What went wrong for good although every part works, until the process ends.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub warnings: BTreeMap<&'static str, String>,
}

impl Health {
    /// Adds a part, which counts as not working until its first report.
    pub fn part(&self, name: &'static str) -> Part {
        let waiting = Status::of(Some("not yet checked".to_owned()));
        self.with(|reports| reports.parts.insert(name, waiting));
        Part { name, health: self.clone() }
    }

    /// How all parts are now. A role without parts has not begun, and is not ready.
    pub fn readiness(&self) -> Readiness {
        self.with(|Reports { parts, warnings }| Readiness {
            ready: !parts.is_empty() && parts.values().all(|status| status.failure.is_none()),
            parts: parts
                .iter()
                .map(|(name, status)| {
                    (*name, status.failure.clone().unwrap_or_else(|| "ok".to_owned()))
                })
                .collect(),
            warnings: warnings.clone(),
        })
    }

    /// The role is about to end: not ready from now on, which is no failure to be logged.
    pub fn stopping(&self) {
        let stopping = Status::of(Some("stopping".to_owned()));
        self.with(|reports| reports.parts.insert("process", stopping));
    }

    fn with<T>(&self, read: impl FnOnce(&mut Reports) -> T) -> T {
        // The maps are whole after every step, so a panic elsewhere leaves nothing half done.
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    /// The part works.
    pub fn ok(&self) {
        let before = self.replace(Status::of(None));
        match before {
            // Its failure was logged.
            Some(Status { failure: Some(_), said_at: Some(_), .. }) => {
                tracing::info!(part = self.name, "{} works again", self.name);
            }
            Some(Status { failure: Some(_), .. }) => {
                tracing::debug!(part = self.name, "{} works", self.name);
            }
            _ => {}
        }
    }

    /// The part does not work; `why` is a sentence for the operator who has to fix it.
    pub fn fails(&self, why: impl Into<String>) {
        self.say(why.into(), Some(Instant::now()));
    }

    fn say(&self, why: String, met_at: Option<Instant>) {
        let now = Instant::now();
        let said_at = self.health.with(|reports| {
            let status = reports.parts.get(self.name)?;
            (status.failure.as_deref() == Some(why.as_str())).then_some(status.said_at?)
        });
        let is_due = said_at.is_none_or(|at| now.duration_since(at) >= REMINDER);
        if is_due {
            tracing::warn!(part = self.name, "{} does not work: {why}", self.name);
        }
        let said_at = if is_due { Some(now) } else { said_at };
        self.replace(Status { failure: Some(why), said_at, met_at });
    }

    /// Why the part does not work at the moment, if so.
    pub fn current_failure(&self) -> Option<String> {
        self.health.with(|reports| reports.parts.get(self.name)?.failure.clone())
    }

    /// Something went wrong for good, although the part works: the role stays ready, and says
    /// this beside it until the process ends. A later warning of the same name takes its place.
    /// Logging it is the caller's.
    pub fn warn(&self, name: &'static str, what: impl Into<String>) {
        self.health.with(|reports| reports.warnings.insert(name, what.into()));
    }

    /// Reports a check's result.
    pub fn report<E: std::fmt::Display>(&self, checked: Result<(), E>) {
        match checked {
            Ok(()) => self.ok(),
            Err(error) => self.fails(error.to_string()),
        }
    }

    /// Runs `check` every `interval` and reports, until `stop`. A check that takes longer than
    /// `timeout` counts as a failure.
    pub async fn watch<C, F, E>(
        self,
        interval: Duration,
        timeout: Duration,
        stop: CancellationToken,
        mut check: C,
    ) where
        C: FnMut() -> F,
        F: Future<Output = Result<(), E>>,
        E: std::fmt::Display,
    {
        while !stop.is_cancelled() {
            match tokio::time::timeout(timeout, check()).await {
                Ok(Ok(())) => self.found_nothing(),
                Ok(Err(error)) => self.say(error.to_string(), None),
                Err(_) => self.say(format!("no answer within {timeout:?}"), None),
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// A check went well, which says nothing of what was met in use a moment ago.
    fn found_nothing(&self) {
        let met_at = self.health.with(|reports| reports.parts.get(self.name)?.met_at);
        if met_at.is_none_or(|at| at.elapsed() >= OUTLASTS_CHECKS) {
            self.ok();
        }
    }

    fn replace(&self, status: Status) -> Option<Status> {
        self.health.with(|reports| reports.parts.insert(self.name, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_ready_when_every_part_works() {
        let health = Health::default();
        let (broker, store) = (health.part("broker"), health.part("store"));
        assert!(!health.readiness().ready);
        broker.ok();
        store.ok();
        assert!(health.readiness().ready);
        store.fails("gone");
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.parts["store"], "gone");
        assert_eq!(readiness.parts["broker"], "ok");
        assert_eq!(store.current_failure().as_deref(), Some("gone"));
    }

    #[test]
    fn a_warning_stays_and_leaves_the_role_ready() {
        let health = Health::default();
        let store = health.part("store");
        let answer = || serde_json::to_value(health.readiness()).unwrap();
        store.ok();
        assert_eq!(answer(), serde_json::json!({ "ready": true, "parts": { "store": "ok" } }));
        store.warn("refused", "one");
        store.warn("refused", "two");
        store.ok();
        let with_warning = serde_json::json!({
            "ready": true, "parts": { "store": "ok" }, "warnings": { "refused": "two" }
        });
        assert_eq!(answer(), with_warning);
    }

    #[test]
    fn a_role_that_stops_is_not_ready() {
        let health = Health::default();
        health.part("broker").ok();
        health.stopping();
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.parts["process"], "stopping");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_met_in_use_outlasts_checks_and_ends() {
        let health = Health::default();
        let stop = CancellationToken::new();
        let part = health.part("store");
        let second = Duration::from_secs(1);
        let watch = part.clone().watch(second, second, stop.clone(), || {
            std::future::ready(Ok::<(), std::convert::Infallible>(()))
        });
        let look = async {
            tokio::time::sleep(second * 2).await;
            assert_eq!(part.current_failure(), None);
            part.fails("no room");
            tokio::time::sleep(OUTLASTS_CHECKS - second).await;
            assert_eq!(part.current_failure().as_deref(), Some("no room"));
            tokio::time::sleep(second * 3).await;
            assert_eq!(part.current_failure(), None);
            part.fails("no room");
            part.ok();
            assert_eq!(part.current_failure(), None, "in use it works again");
            stop.cancel();
        };
        tokio::join!(watch, look);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_a_failure() {
        let health = Health::default();
        let stop = CancellationToken::new();
        let part = health.part("broker");
        let second = Duration::from_secs(1);
        let watch = part.clone().watch(second, second, stop.clone(), || {
            std::future::pending::<Result<(), std::convert::Infallible>>()
        });
        let look = async {
            tokio::time::sleep(second * 2).await;
            stop.cancel();
        };
        tokio::join!(watch, look);
        assert_eq!(part.current_failure().as_deref(), Some("no answer within 1s"));
    }
}
