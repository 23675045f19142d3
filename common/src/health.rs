//! What a role reports about itself: which of its parts work, and why one does not.
//!
//! The code that watches a part holds its [`Part`] and reports; the code that answers
//! `/health/ready` holds the [`Health`] and reads it. A change is logged once, a lasting failure
//! once a minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// How often a lasting failure is logged again.
const REMINDER: Duration = Duration::from_secs(60);
/// How long a failure that was observed in use outlasts a check that succeeds, once no use is
/// retried any longer. It ends, because a role that gets no requests while it is not ready would
/// never be ready again.
const OUTLASTS_CHECKS: Duration = Duration::from_secs(15);

/// The parts of one role, and whether it makes progress. Cheap to clone; all clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Health {
    reports: Arc<Mutex<Reports>>,
    liveness: Arc<watch::Sender<Option<Liveness>>>,
}

/// Whether the role makes progress.
#[derive(Clone)]
struct Liveness(Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Liveness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Liveness").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Reports {
    parts: BTreeMap<&'static str, Status>,
    /// How many uses of each part have failed and are retried.
    retried: BTreeMap<&'static str, usize>,
    warnings: BTreeMap<&'static str, String>,
}

/// One part's report.
#[derive(Debug, Clone, Default)]
struct Status {
    failure: Option<String>,
    logged_at: Option<Instant>,
    /// When the failure was observed in use, and not by a check.
    observed_at: Option<Instant>,
}

/// The handle of the code that watches one part.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    health: Health,
}

/// One use of a part that is retried until it succeeds: a write to a store, for example.
///
/// From its first failure until it succeeds or is dropped, no check can report that the part works:
/// a store whose disk is full answers a ping.
#[derive(Debug)]
pub struct RetriedUse<'a> {
    part: &'a Part,
    has_failed: bool,
}

/// The answer of `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether every part works.
    pub ready: bool,
    /// Each part by name: `"ok"`, or the reason why it does not work.
    #[schema(value_type = BTreeMap<String, String>, example = json!({ "broker": "ok", "store": "ok" }))]
    pub parts: BTreeMap<&'static str, String>,
    /// What an operator should know although every part works.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub warnings: BTreeMap<&'static str, String>,
}

impl Health {
    /// Adds a part, which counts as not working until its first report.
    pub fn part(&self, name: &'static str) -> Part {
        let failure = Some("not yet checked".to_owned());
        let waiting = Status { failure, ..Status::default() };
        self.with(|reports| reports.parts.insert(name, waiting));
        Part { name, health: self.clone() }
    }

    /// Returns the state of all parts. A role without parts has not begun, and is not ready.
    pub fn readiness(&self) -> Readiness {
        self.with(|Reports { parts, warnings, .. }| Readiness {
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

    /// Makes the role not ready, because it is about to end. That is not logged as a failure.
    pub fn stopping(&self) {
        let failure = Some("stopping".to_owned());
        let stopping = Status { failure, ..Status::default() };
        self.with(|reports| reports.parts.insert("process", stopping));
    }

    /// Reports that the role serves, and how to find out whether it makes progress.
    pub fn serves(&self, is_alive: impl Fn() -> bool + Send + Sync + 'static) {
        self.liveness.send_replace(Some(Liveness(Arc::new(is_alive))));
    }

    /// Waits until the role serves.
    pub async fn until_serving(&self) {
        // The sender lives as long as `self`, so the wait ends by the value only.
        self.liveness.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// Returns whether the role makes progress. One that does not serve yet is alive.
    pub fn is_alive(&self) -> bool {
        let liveness = self.liveness.borrow().clone();
        liveness.is_none_or(|liveness| (liveness.0)())
    }

    fn with<T>(&self, read: impl FnOnce(&mut Reports) -> T) -> T {
        // The maps are consistent after every step, so a panic elsewhere leaves nothing half done.
        read(&mut self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    /// Reports that the part works.
    pub fn ok(&self) {
        let before = self.replace(Status::default());
        match before {
            // Its failure was logged.
            Some(Status { failure: Some(_), logged_at: Some(_), .. }) => {
                tracing::info!(part = self.name, "{} works again", self.name);
            }
            Some(Status { failure: Some(_), .. }) => {
                tracing::debug!(part = self.name, "{} works", self.name);
            }
            _ => {}
        }
    }

    /// Reports that the part does not work; `why` is a sentence for the operator who has to fix it.
    pub fn fails(&self, why: impl Into<String>) {
        self.set_failure(why.into(), Some(Instant::now()));
    }

    fn set_failure(&self, why: String, observed_at: Option<Instant>) {
        let now = Instant::now();
        let logged_at = self.health.with(|reports| {
            let status = reports.parts.get(self.name)?;
            (status.failure.as_deref() == Some(why.as_str())).then_some(status.logged_at?)
        });
        let is_due = logged_at.is_none_or(|at| now.duration_since(at) >= REMINDER);
        if is_due {
            tracing::warn!(part = self.name, "{} does not work: {why}", self.name);
        }
        let logged_at = if is_due { Some(now) } else { logged_at };
        self.replace(Status { failure: Some(why), logged_at, observed_at });
    }

    /// Returns why the part does not work; `None` if it works.
    pub fn current_failure(&self) -> Option<String> {
        self.health.with(|reports| reports.parts.get(self.name)?.failure.clone())
    }

    /// Begins a use of the part that is retried until it succeeds.
    pub fn retried_use(&self) -> RetriedUse<'_> {
        RetriedUse { part: self, has_failed: false }
    }

    /// Reports something that an operator should know although the part works: the role stays
    /// ready, and readiness shows `what` until the process ends or the warning is
    /// [cleared](Self::clear_warning). A later warning of the same name replaces it. It is not
    /// logged here, but by the caller.
    pub fn warn(&self, name: &'static str, what: impl Into<String>) {
        self.health.with(|reports| reports.warnings.insert(name, what.into()));
    }

    /// Removes the warning of this name, if there is one.
    pub fn clear_warning(&self, name: &'static str) {
        self.health.with(|reports| reports.warnings.remove(name));
    }

    /// Reports the result of a check.
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
                Ok(Ok(())) => self.check_succeeded(),
                Ok(Err(error)) => self.check_failed(error.to_string()),
                Err(_) => self.check_failed(format!("no answer within {timeout:?}")),
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Reports that a check succeeded, unless a use of the part is failing, or failed shortly
    /// before.
    fn check_succeeded(&self) {
        let is_refuted = self.health.with(|reports| {
            let observed_at = reports.parts.get(self.name).and_then(|status| status.observed_at);
            reports.retried.contains_key(self.name)
                || observed_at.is_some_and(|at| at.elapsed() < OUTLASTS_CHECKS)
        });
        if !is_refuted {
            self.ok();
        }
    }

    /// Reports that a check failed. What was observed in use before still counts.
    fn check_failed(&self, why: String) {
        let observed_at = self.health.with(|reports| reports.parts.get(self.name)?.observed_at);
        self.set_failure(why, observed_at);
    }

    fn replace(&self, status: Status) -> Option<Status> {
        self.health.with(|reports| reports.parts.insert(self.name, status))
    }
}

impl RetriedUse<'_> {
    /// Reports that an attempt failed; `why` is a sentence for the operator.
    pub fn failed(&mut self, why: impl Into<String>) {
        if !std::mem::replace(&mut self.has_failed, true) {
            let name = self.part.name;
            self.part.health.with(|reports| *reports.retried.entry(name).or_default() += 1);
        }
        self.part.fails(why);
    }

    /// Reports that an attempt succeeded, so that the part works.
    pub fn succeeded(self) {
        self.part.ok();
    }
}

impl Drop for RetriedUse<'_> {
    fn drop(&mut self) {
        if !self.has_failed {
            return;
        }
        let name = self.part.name;
        self.part.health.with(|reports| match reports.retried.get_mut(name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(reports.retried.remove(name)),
        });
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
        store.fails("unreachable");
        let readiness = health.readiness();
        assert!(!readiness.ready);
        assert_eq!(readiness.parts["store"], "unreachable");
        assert_eq!(readiness.parts["broker"], "ok");
        assert_eq!(store.current_failure().as_deref(), Some("unreachable"));
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
        store.clear_warning("refused");
        assert_eq!(answer(), serde_json::json!({ "ready": true, "parts": { "store": "ok" } }));
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

    #[tokio::test]
    async fn a_role_is_alive_until_it_serves_and_says_otherwise() {
        let health = Health::default();
        assert!(health.is_alive());
        let progresses = Arc::new(Mutex::new(true));
        let is_alive = Arc::clone(&progresses);
        let serves = async { health.serves(move || *is_alive.lock().unwrap()) };
        tokio::join!(health.until_serving(), serves);
        assert!(health.is_alive());
        *progresses.lock().unwrap() = false;
        assert!(!health.is_alive());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_in_use_outlasts_checks_and_ends() {
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
    async fn no_check_refutes_a_use_that_fails_and_is_retried() {
        let health = Health::default();
        let (part, stop) = (health.part("store"), CancellationToken::new());
        let second = Duration::from_secs(1);
        let checks = std::cell::Cell::new(0);
        let watch = part.clone().watch(second, second, stop.clone(), || {
            checks.set(checks.get() + 1);
            std::future::ready(if checks.get() == 30 { Err("no answer") } else { Ok(()) })
        });
        let look = async {
            let (mut first, mut second_use) = (part.retried_use(), part.retried_use());
            first.failed("no room");
            second_use.failed("no room");
            drop(first);
            // A check that fails in between changes nothing.
            tokio::time::sleep(OUTLASTS_CHECKS * 4).await;
            assert!(part.current_failure().is_some(), "the second use still fails");
            second_use.succeeded();
            assert_eq!(part.current_failure(), None);
            let mut given_up = part.retried_use();
            given_up.failed("no room");
            drop(given_up);
            tokio::time::sleep(OUTLASTS_CHECKS - second).await;
            assert!(part.current_failure().is_some());
            tokio::time::sleep(second * 3).await;
            assert_eq!(part.current_failure(), None, "nothing is left to write");
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
