//! `linkrelay submit`: links from here to a running linkrelay.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use linkrelay_common::RequestId;

use crate::api::{Api, ServerArguments};
use crate::exit::Outcome;
use crate::links::LinkArguments;
use crate::progress::Progress;

/// Well below what a server takes in one request.
const LINKS_PER_REQUEST: usize = 500;
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Links of a status page that are fetched when the work is done.
const PAGE: u64 = 1_000;

/// What to submit, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    links: LinkArguments,

    /// Wait until every link is stored or failed
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    server: ServerArguments,
}

/// What the server took.
#[derive(Default)]
struct Taken {
    ids: Vec<String>,
    accepted: u64,
    rejected: u64,
}

pub(crate) async fn run(arguments: SubmitArguments) -> anyhow::Result<Outcome> {
    let api = arguments.server.connect()?;
    let links = tokio::task::spawn_blocking(|| arguments.links.read()).await??;
    let taken = submit_all(&api, &links).await?;
    let failed = if arguments.wait { wait(&api, &taken).await? } else { 0 };
    Ok(if taken.rejected + failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Prints each request's id on stdout as soon as the server has it.
async fn submit_all(api: &Api, links: &[String]) -> anyhow::Result<Taken> {
    let mut taken = Taken::default();
    let mut progress = Progress::new("submitted", links.len() as u64);
    for (number, batch) in links.chunks(LINKS_PER_REQUEST).enumerate() {
        // Any name that was never used before; a repetition of this very request carries it again.
        let key = format!("submit-{}", RequestId::new(1));
        let submitted = api.submit(batch, &key).await?;
        for result in &submitted.results {
            if let Some(error) = &result.error {
                taken.rejected += 1;
                eprintln!("rejected: {}: {} ({})", result.link, error.message, error.code);
            }
        }
        let was_looked_at = submitted.id.is_some() || !submitted.results.is_empty();
        anyhow::ensure!(
            was_looked_at,
            submitted.detail.unwrap_or_else(|| "the server refuses".to_owned())
        );
        if let Some(id) = submitted.id {
            writeln!(std::io::stdout(), "{id}")?;
            taken.ids.push(id);
        }
        taken.accepted += submitted.accepted;
        progress.set(((number + 1) * LINKS_PER_REQUEST).min(links.len()) as u64);
    }
    progress.finish();
    Ok(taken)
}

/// Waits for every request; returns how many links failed, each named on stderr.
async fn wait(api: &Api, taken: &Taken) -> anyhow::Result<u64> {
    let (mut done, mut failed, mut expanded) = (0, 0, 0);
    // What lists were expanded into comes on top of what was accepted.
    let mut total = taken.accepted;
    let mut progress = Progress::new("done", total);
    for id in &taken.ids {
        loop {
            let status = api.status(id, 1).await?;
            let request_total = u64::from(status.total);
            let videos = request_total.saturating_sub(links_count(id));
            progress.set_total(total + videos);
            progress.set(done + request_total - u64::from(status.pending));
            if status.pending == 0 {
                total += videos;
                done += request_total;
                failed += u64::from(status.failed);
                expanded += u64::from(status.expanded);
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
    progress.finish();
    if failed > 0 {
        for id in &taken.ids {
            name_failed(api, id).await?;
        }
    }
    let lists = if expanded > 0 { format!(", expanded {expanded}") } else { String::new() };
    eprintln!("stored {}, failed {failed}{lists}", done - failed - expanded);
    Ok(failed)
}

/// How many links the server accepted under this id.
fn links_count(id: &str) -> u64 {
    id.parse::<RequestId>().map_or(0, |id| u64::from(id.links_count()))
}

async fn name_failed(api: &Api, id: &str) -> anyhow::Result<()> {
    let mut page = api.status(id, PAGE).await?;
    loop {
        for link in page.links {
            if let (Some(error), Some(text)) = (link.error, link.link) {
                eprintln!("failed: {text}: {} ({})", error.message, error.code);
            }
        }
        match page.next {
            Some(next) => page = api.status_page(&next).await?,
            None => return Ok(()),
        }
    }
}
