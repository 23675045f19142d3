//! Waits until every link of a submission is stored or failed.

use std::time::Duration;

use linkrelay_common::RequestId;

use super::sending::Sent;
use crate::api::Api;
use crate::progress::Progress;

const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The size of a page of links when all of them are complete.
const PAGE: u64 = 1_000;

/// Waits for every request. Returns how many links failed, each of which is named on stderr.
pub(super) async fn wait(api: &Api, sent: &Sent) -> anyhow::Result<u64> {
    let (mut done, mut failed, mut expanded) = (0, 0, 0);
    // The videos of expanded lists are added to the accepted links.
    let mut total = sent.accepted;
    let mut progress = Progress::new("done", total);
    for id in &sent.ids {
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
        for id in &sent.ids {
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
