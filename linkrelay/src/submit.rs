//! `linkrelay submit`: sends links to a running linkrelay.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use linkrelay_common::RequestId;

use crate::api::{Api, ServerArguments};
use crate::exit::Outcome;
use crate::links::LinkArguments;
use crate::progress::Progress;

/// Fewer than a server accepts in one request.
const LINKS_PER_REQUEST: usize = 500;
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The size of a page of links when all of them are complete.
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

/// The requests that the server accepted, and how many links of them.
#[derive(Default)]
struct Submission {
    ids: Vec<String>,
    links: u64,
    rejected: u64,
}

pub(crate) async fn run(arguments: SubmitArguments) -> anyhow::Result<Outcome> {
    let api = arguments.server.connect()?;
    let links = tokio::task::spawn_blocking(|| arguments.links.read()).await??;
    let submission = submit_all(&api, &links).await?;
    let failed = if arguments.wait { wait(&api, &submission).await? } else { 0 };
    Ok(if submission.rejected + failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Submits all links, and prints the id of each request on stdout as soon as the server has it.
async fn submit_all(api: &Api, links: &[String]) -> anyhow::Result<Submission> {
    let mut submission = Submission::default();
    let mut progress = Progress::new("submitted", links.len() as u64);
    for (number, batch) in links.chunks(LINKS_PER_REQUEST).enumerate() {
        // A name that was never used before; each attempt of this request has it.
        let key = format!("submit-{}", RequestId::new(1));
        let submitted = api.submit(batch, false, &key).await?;
        submission.rejected += submitted.name_rejected();
        if submitted.id.is_none() && submitted.results.is_empty() {
            anyhow::bail!(submitted.refusal());
        }
        if let Some(id) = submitted.id {
            writeln!(std::io::stdout(), "{id}")?;
            submission.ids.push(id);
        }
        submission.links += submitted.accepted;
        progress.set(((number + 1) * LINKS_PER_REQUEST).min(links.len()) as u64);
    }
    progress.finish();
    Ok(submission)
}

/// Waits for every request. Returns how many links failed, each of which is named on stderr.
async fn wait(api: &Api, submission: &Submission) -> anyhow::Result<u64> {
    let (mut done, mut failed, mut expanded) = (0, 0, 0);
    // The videos of expanded lists are added to the accepted links.
    let mut total = submission.links;
    let mut progress = Progress::new("done", total);
    for id in &submission.ids {
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
        for id in &submission.ids {
            name_failed(api, id).await?;
        }
    }
    let lists = if expanded > 0 { format!(", expanded {expanded}") } else { String::new() };
    eprintln!("stored {}, failed {failed}{lists}", done - failed - expanded);
    Ok(failed)
}

/// Returns how many links the server accepted under this id.
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
