//! The servers of a test as a program, for a linkrelay that no test starts, such as one in a
//! container: Kafka, SecantusDB and a fake YouTube on this machine.
//!
//! Stdout is the settings that lead a role there, `NAME=value` a line, and the line `ready`; the
//! topics do not exist yet. It runs until SIGTERM or SIGINT.

use anyhow::{Context as _, Result};
use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::Site;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let (broker, mongo) = tokio::try_join!(KafkaBroker::start(), MongoServer::start())?;
    let site = Site::start(broker, mongo, FakeYouTubeSettings::default()).await?;
    for (name, value) in site.env() {
        println!("{name}={value}");
    }
    println!("ready");
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot handle Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    site.fake.stop().await;
    Ok(())
}
