//! `linkrelay status`: shows the outcome of a request.

use std::io::Write;

use clap::Args;
use linkrelay_http::wire::{LinkEntry, RequestStatus};

use crate::api::ServerArguments;
use crate::exit::Outcome;

const PAGE: u64 = 1_000;

/// The request, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The id of the request, as in the answer to the submission
    id: String,

    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArguments,
}

pub(crate) async fn run(arguments: StatusArguments) -> anyhow::Result<Outcome> {
    let api = arguments.server.connect()?;
    let mut status = api.status(&arguments.id, PAGE).await?;
    while let Some(next) = status.next.take() {
        let page = api.status_page(&next).await?;
        status.links.extend(page.links);
        status.next = page.next;
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        let RequestStatus { id, total, stored, failed, expanded, pending, .. } = &status;
        let lists = if *expanded > 0 { format!("{expanded} expanded, ") } else { String::new() };
        writeln!(
            out,
            "{id}: {total} links, {stored} stored, {failed} failed, {lists}{pending} pending"
        )?;
        for link in &status.links {
            writeln!(out, "{}", line(link))?;
        }
    }
    Ok(Outcome::Done)
}

fn line(link: &LinkEntry) -> String {
    let what = link.link.as_deref().unwrap_or("");
    let outcome = match (&link.title, &link.error) {
        (Some(title), _) => title.clone(),
        (None, Some(error)) => format!("{} ({})", error.message, error.code),
        (None, None) => link.videos.map(|videos| format!("{videos} videos")).unwrap_or_default(),
    };
    format!("{:>5}  {:8}  {what}  {outcome}", link.index, link.status).trim_end().to_owned()
}
