//! `linkrelay status`: what became of a request.

use std::io::Write;

use clap::Args;

use crate::api::{LinkState, ServerArguments};
use crate::exit::Outcome;

const PAGE: u64 = 1_000;

/// Which request, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The request's id, as the submission answered it
    id: String,

    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArguments,
}

pub(crate) async fn run(arguments: StatusArguments) -> anyhow::Result<Outcome> {
    let api = arguments.server.connect()?;
    let mut status = api.status(&arguments.id, 0, PAGE).await?;
    let mut from = PAGE;
    while from < status.total {
        status.links.extend(api.status(&arguments.id, from, PAGE).await?.links);
        from += PAGE;
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        let (total, stored, failed, pending) =
            (status.total, status.stored, status.failed, status.pending);
        writeln!(
            out,
            "{}: {total} links, {stored} stored, {failed} failed, {pending} pending",
            status.id
        )?;
        for link in &status.links {
            writeln!(out, "{}", line(link))?;
        }
    }
    Ok(Outcome::Done)
}

fn line(link: &LinkState) -> String {
    let what = link.link.as_deref().unwrap_or("");
    let outcome = match (&link.title, &link.error) {
        (Some(title), _) => title.clone(),
        (None, Some(error)) => format!("{} ({})", error.message, error.code),
        (None, None) => String::new(),
    };
    format!("{:>5}  {:7}  {what}  {outcome}", link.index, link.status).trim_end().to_owned()
}
