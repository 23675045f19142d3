//! `linkrelay health`: asks a role for its health, as the check of a container does.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::check::url_here;
use crate::exit::Outcome;

/// A role that hangs must not keep the check waiting forever.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The role, and what to ask it.
#[derive(Debug, Args)]
pub(crate) struct HealthArguments {
    /// Where the role listens; an address of all interfaces is asked at loopback
    #[arg(long, env = "HTTP_ADDR", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT")]
    addr: SocketAddr,

    /// Ask whether the role can work now, instead of whether it is alive
    #[arg(long)]
    ready: bool,
}

pub(crate) async fn run(arguments: HealthArguments) -> anyhow::Result<Outcome> {
    let HealthArguments { addr, ready } = arguments;
    let path = if ready { "/health/ready" } else { "/health/live" };
    let url = url_here(addr, path);
    // A proxy of the environment does not reach this process.
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
    let status = answer.status();
    writeln!(io::stdout(), "{}", answer.text().await.unwrap_or_default())?;
    if !status.is_success() {
        bail!("{url} answers {status}");
    }
    Ok(Outcome::Done)
}
