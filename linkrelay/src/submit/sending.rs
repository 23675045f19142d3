//! Sends the requests of a submission, several at a time; the answers are noted and printed in
//! the order of the requests.

use std::io::Write;

use futures::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::mpsc;

use super::batches::Batch;
use super::submission::{Answer, Submission};
use crate::api::Api;
use crate::progress::Progress;

/// Some, so that reading, the network and the broker are not waited for one after the other.
const MAX_IN_FLIGHT: usize = 4;

/// What was submitted, by this process and before.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) ids: Vec<String>,
    pub(super) requests: usize,
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    links: u64,
}

/// A request that was answered, or has failed.
struct Answered {
    number: usize,
    links: u64,
    answer: anyhow::Result<Answer>,
}

/// Submits all batches, and prints the id of each request on stdout as soon as the server has it
/// and those before it. After a failure no more are sent; those in flight are still noted.
///
/// # Errors
/// The first failure; or if there were no links.
pub(super) async fn send_all(
    api: &Api,
    submission: &mut Submission,
    mut batches: mpsc::Receiver<anyhow::Result<Batch>>,
    progress: &mut Progress,
) -> anyhow::Result<Sent> {
    let (mut sent, mut failure) = (Sent::default(), None);
    let mut in_flight = FuturesOrdered::new();
    let mut are_all_read = false;
    loop {
        let takes_more = !are_all_read && failure.is_none() && in_flight.len() < MAX_IN_FLIGHT;
        tokio::select! {
            batch = batches.recv(), if takes_more => match batch.transpose() {
                Ok(Some(batch)) => match submission.send(&batch) {
                    Ok(known) => {
                        in_flight.push_back(answered(api, submission.key(batch.number), batch, known));
                    }
                    Err(error) => failure = Some(error),
                },
                Ok(None) => are_all_read = true,
                Err(error) => failure = Some(error),
            },
            Some(answered) = in_flight.next() => match note(submission, &mut sent, answered) {
                Ok(()) => progress.set(sent.links),
                Err(error) => failure = failure.or(Some(error)),
            },
            else => break,
        }
    }
    match failure {
        Some(error) => Err(error),
        None if sent.requests == 0 => anyhow::bail!("there are no links"),
        None => Ok(sent),
    }
}

/// Sends a batch, unless its answer is known.
async fn answered(api: &Api, key: String, batch: Batch, known: Option<Answer>) -> Answered {
    let Batch { number, links, .. } = batch;
    let answer = match known {
        Some(answer) => Ok(answer),
        None => send(api, &key, &links).await,
    };
    Answered { number, links: links.len() as u64, answer }
}

async fn send(api: &Api, key: &str, links: &[String]) -> anyhow::Result<Answer> {
    let reply = api.submit(links, false, key).await?;
    let rejected = reply.name_rejected();
    if reply.id.is_none() && reply.results.is_empty() {
        anyhow::bail!(reply.refusal());
    }
    Ok(Answer { id: reply.id, accepted: reply.accepted, rejected })
}

fn note(submission: &mut Submission, sent: &mut Sent, answered: Answered) -> anyhow::Result<()> {
    let answer = answered.answer?;
    submission.acknowledge(answered.number, answer.clone())?;
    let Answer { id, accepted, rejected } = answer;
    if let Some(id) = id {
        writeln!(std::io::stdout(), "{id}")?;
        sent.ids.push(id);
    }
    sent.requests += 1;
    sent.accepted += accepted;
    sent.rejected += rejected;
    sent.links += answered.links;
    Ok(())
}
