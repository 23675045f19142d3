//! `linkrelay submit`: sends links to a running linkrelay.
//!
//! In reading order: `batches` are the links of each request; a `submission` has the keys of the
//! requests and what was acknowledged of them; `sending` sends several at a time; `waiting` waits
//! for the outcome of all links.

mod batches;
mod sending;
mod submission;
mod waiting;

use std::path::PathBuf;

use clap::Args;

use crate::api::ServerArguments;
use crate::exit::Outcome;
use crate::links::LinkArguments;
use crate::progress::Progress;
use submission::Submission;

/// What to submit, and whether to wait.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    links: LinkArguments,

    /// Note in this file what was submitted, so that the same command continues after any
    /// interruption: no link is lost or submitted twice. To submit the same links again later,
    /// remove the file or name another
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,

    /// Wait until every link is stored or failed
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    server: ServerArguments,
}

pub(crate) async fn run(arguments: SubmitArguments) -> anyhow::Result<Outcome> {
    let api = arguments.server.connect()?;
    let (links, given) = (arguments.links, arguments.resume);
    // A file that cannot be read to its end is refused before anything of it is submitted.
    let (links, total) = tokio::task::spawn_blocking(move || {
        let total = links.count()?;
        anyhow::Ok((links.open()?, total))
    })
    .await??;
    anyhow::ensure!(total != Some(0), "there are no links");
    links.name_encoding();
    let server = arguments.server.url();
    let mut submission = match &given {
        Some(file) => Submission::resume(file, server)?,
        None => Submission::of_this_process(server),
    };
    let known_count = submission.acknowledged_count();
    if known_count > 0 {
        eprintln!("continuing: {known_count} requests were acknowledged before");
    }
    let batches = batches::read(links, submission.links_per_request())?;
    let mut progress = match total {
        Some(total) => Progress::new("submitted", total),
        None => Progress::of_unknown_total("submitted"),
    };
    let sent = sending::send_all(&api, &mut submission, batches, &mut progress).await;
    progress.finish();
    let sent = sent.inspect_err(|_| {
        if let Some(file) = &given {
            eprintln!("the same command continues from what {} has", file.display());
        }
    })?;
    if sent.requests == known_count {
        eprintln!("all of it was submitted before; to submit it again, use another --resume");
    }
    let failed = if arguments.wait { waiting::wait(&api, &sent).await? } else { 0 };
    Ok(if sent.rejected + failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}
