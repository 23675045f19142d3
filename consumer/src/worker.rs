//! The tokio worker of one lane: keeps a bounded number of its jobs in flight, and chooses what to
//! do for each.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use linkrelay_common::LinkFailure;
use linkrelay_common::{ErrorClass, LinkTarget, parse_target};
use linkrelay_telemetry::Span;
use tokio_util::sync::CancellationToken;

use crate::job::{Job, LinkJob};
use crate::jobs::{Jobs, JobsParts};
use crate::lane::LaneEnd;
use crate::liveness::Activity;
use crate::process::Processor;

/// How many jobs a worker has in flight, and the limits of [`JobsParts`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerLimits {
    /// Links in flight.
    pub(crate) concurrency: usize,
    /// [`JobsParts::prefix_gap`].
    pub(crate) prefix_gap: usize,
    /// [`JobsParts::links_limit`].
    pub(crate) links_of_record: usize,
}

/// Runs until its lane is drained or fenced.
pub(crate) async fn run(lane: LaneEnd, processor: Arc<Processor>, limits: WorkerLimits) {
    let LaneEnd { records, signals, records_in_flight, activity } = lane;
    let mut jobs = Jobs::new(JobsParts {
        records,
        records_in_flight,
        documents: processor.documents.clone(),
        results: processor.results.clone(),
        completions: processor.completions.clone(),
        prefix_gap: limits.prefix_gap,
        links_limit: limits.links_of_record,
    });
    let mut in_flight = FuturesUnordered::new();
    let mut is_ending = false;
    loop {
        while in_flight.len() < limits.concurrency
            && let Some(job) = jobs.pop()
        {
            activity.note();
            in_flight.push(work(&processor, job, &signals.drain, &activity));
        }
        if is_ending && in_flight.is_empty() {
            return;
        }
        let may_take = !is_ending && jobs.are_wanted(limits.concurrency - in_flight.len());
        tokio::select! {
            biased;
            () = signals.fence.cancelled() => return,
            () = signals.drain.cancelled(), if !is_ending => {
                is_ending = true;
                jobs.clear();
            }
            Some(()) = in_flight.next(), if !in_flight.is_empty() => activity.note(),
            is_more = jobs.refill(), if may_take => is_ending = !is_more,
        }
    }
}

/// Processes one job in its span.
async fn work(processor: &Processor, job: Job, drain: &CancellationToken, activity: &Activity) {
    let span = job.ticket().begin_span(job.id(), &processor.group);
    span.around(work_in(span.clone(), processor, job, drain, activity)).await;
}

/// Processes one job to its outcome, or until `drain` is cancelled while it only waits.
async fn work_in(
    span: Span,
    processor: &Processor,
    job: Job,
    drain: &CancellationToken,
    activity: &Activity,
) {
    let job = match job {
        Job::Malformed { ticket, id, error } => {
            return processor.give_up_record(ticket, id, &error, span).await;
        }
        Job::Link(job) => LinkJob { span, ..job },
    };
    match parse_target(&job.link) {
        Ok(LinkTarget::Video(video_id)) => {
            processor.look_up(job, video_id, drain, activity).await;
        }
        Ok(LinkTarget::List(list)) => processor.expand(job, list, drain, activity).await,
        Err(error) => processor.refuse(job, not_a_video(error)).await,
    }
}

fn not_a_video(error: linkrelay_common::LinkError) -> LinkFailure {
    let (code, message) = (error.code().to_owned(), error.to_string());
    LinkFailure { class: ErrorClass::Permanent, code, message, attempts: 0 }
}
