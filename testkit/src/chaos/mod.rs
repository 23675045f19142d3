//! The fault suite: linkrelay's own processes on real servers, a load, and a schedule of faults;
//! at the end a checker that compares what was promised with what is there.
//!
//! In reading order: `schedule` is what goes wrong and when, `load` what is sent, [`expected`]
//! what is promised of it; `world` starts everything, `server`, `role` and `cluster` are what can be
//! made to fail, `client`, `by_hand` and `sending` send; `settle` waits for the end, [`evidence`] gathers
//! what is there, and [`check`] judges it.
//!
//! Links, failures and faults follow from the seed; how they meet does not, as processes take
//! the time that they take. It must not know: how linkrelay works inside. It starts its
//! programs, speaks its HTTP API, and reads what the contract says is in the topics and in the
//! collection.

mod by_hand;
pub mod check;
mod client;
mod cluster;
pub mod evidence;
pub mod expected;
mod load;
mod partitions;
mod report;
mod role;
mod run;
pub mod schedule;
mod sending;
mod server;
mod settings;
mod settle;
mod timeline;
mod world;

use anyhow::Result;

pub use report::{Figures, Report};
pub use schedule::{Brokers, Schedule, ScheduleLimits};
pub use settings::{ChaosSettings, Protocol};
pub use timeline::Event;

use run::{Ran, Run};
use settings::{PARTITIONS, SESSION_TIMEOUT};

/// The schedule of a run with these settings.
pub fn schedule(settings: &ChaosSettings) -> Schedule {
    let limits = ScheduleLimits {
        span: settings.span,
        session_timeout: SESSION_TIMEOUT,
        partitions: PARTITIONS,
        brokers: settings.brokers,
    };
    Schedule::draw(settings.seed, limits)
}

/// Does a whole run; `progress` is given a line now and then. Dropped half-way, it stops every
/// process.
///
/// # Errors
/// If the run itself could not be done (a tool is missing, a test server does not start); what
/// linkrelay did wrong is in the report. The roles' logs are kept then, and the error says where.
pub async fn run(settings: ChaosSettings, progress: &(dyn Fn(&str) + Sync)) -> Result<Report> {
    let min_span = settings.brokers.min_span();
    anyhow::ensure!(settings.span >= min_span, "a schedule takes at least {min_span:?}");
    let folder = tempfile::Builder::new().prefix("linkrelay-chaos-").tempdir()?;
    match Run::new(settings, progress, folder.path()).run().await {
        Ok(Ran { figures, violations, timeline }) => {
            Ok(Report { figures, violations, timeline, folder })
        }
        Err(error) => {
            let place = folder.keep();
            Err(error.context(format!("the run broke off; its logs are in {}", place.display())))
        }
    }
}
