//! The consumer as a process of its own.

use std::process::ExitCode;

use linkrelay_common::metrics::ProcessRoles;
use linkrelay_common::service_manager::ServiceManager;
use linkrelay_common::{config, hangup, metrics, shutdown};
use linkrelay_consumer::{Consumer, ConsumerError, ConsumerSettings};

#[tokio::main]
async fn main() -> ExitCode {
    match run(config::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linkrelay-consumer: {error}");
            ExitCode::from(if matches!(error, ConsumerError::Settings(_)) { 2 } else { 1 })
        }
    }
}

async fn run(settings: ConsumerSettings) -> Result<(), ConsumerError> {
    settings.log.start()?;
    metrics::start(ProcessRoles::Consumer)
        .map_err(|_| ConsumerError::Died("the metrics recorder"))?;
    let stop = shutdown::on_signal()?;
    hangup::listen()?;
    let traces = settings.traces.start("linkrelay-consumer")?;
    let drain_timeout = settings.pipeline.drain_timeout;
    let consumer = Consumer::build(settings).await?;
    let manager = ServiceManager::start(vec![consumer.health()], stop.clone(), drain_timeout);
    let ended = consumer.run_until_stopped(stop).await;
    traces.end().await;
    manager.end().await;
    ended
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use linkrelay_consumer::ConsumerSettings;

    #[test]
    fn the_command_line_is_sound() {
        ConsumerSettings::command().debug_assert();
    }
}
