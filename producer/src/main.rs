//! The process `linkrelay-producer`: parses the settings, runs the role, and prints an error in one
//! line.
//!
//! Exit codes: 0 after a stop, 2 for a wrong setting, 1 for every other error.

use std::process::ExitCode;

use anyhow::Context;
use linkrelay_common::metrics::ProcessRoles;
use linkrelay_common::service_manager::ServiceManager;
use linkrelay_common::{SettingsError, config, hangup, metrics, shutdown};
use linkrelay_producer::{Producer, ProducerSettings, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run(config::parse()).await else { return ExitCode::SUCCESS };
    eprintln!("linkrelay-producer: {error:#}");
    let is_wrong_setting = error.is::<SettingsError>()
        || matches!(error.downcast_ref(), Some(StartError::Settings(_)));
    ExitCode::from(if is_wrong_setting { 2 } else { 1 })
}

async fn run(settings: ProducerSettings) -> anyhow::Result<()> {
    settings.log.start()?;
    metrics::start(ProcessRoles::Producer).context("counting")?;
    let stop = shutdown::on_signal().context("listening for signals")?;
    hangup::listen().context("listening for SIGHUP")?;
    settings.validate()?;
    let store = settings.store.open()?;
    let traces = settings.traces.start("linkrelay-producer")?;
    let drain_timeout = settings.drain_timeout;
    let producer = Producer::build(settings, store).await?;
    let manager = ServiceManager::start(vec![producer.health()], stop.clone(), drain_timeout);
    let ended = producer.run_until_stopped(stop).await;
    traces.end().await;
    manager.end().await;
    Ok(ended?)
}
