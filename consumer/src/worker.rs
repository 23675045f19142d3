//! The tokio worker of one lane: opens records and keeps a bounded number of links in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use linkrelay_common::LinkMessage;

use crate::lane::LaneEnd;
use crate::process::{Job, LinkJob, Processor};
use crate::record::{Record, Ticket};

/// Runs until its lane is drained or fenced.
pub(crate) async fn run(lane: LaneEnd, processor: Arc<Processor>, concurrency: usize) {
    let LaneEnd { epoch, mut records, signals, in_work, activity } = lane;
    let open = |record| {
        open(record, |record, links_count| {
            Ticket::new(record, epoch, Arc::clone(&in_work), links_count)
        })
    };
    let mut in_flight = FuturesUnordered::new();
    let mut opened: VecDeque<Job> = VecDeque::new();
    let mut is_ending = false;
    loop {
        while in_flight.len() < concurrency
            && let Some(job) = opened.pop_front()
        {
            activity.note();
            in_flight.push(processor.run(job, signals.drain.clone(), activity.clone()));
        }
        if is_ending && in_flight.is_empty() {
            return;
        }
        let may_take = !is_ending && opened.is_empty() && in_flight.len() < concurrency;
        tokio::select! {
            biased;
            () = signals.fence.cancelled() => return,
            () = signals.drain.cancelled(), if !is_ending => {
                is_ending = true;
                opened.clear();
            }
            Some(()) = in_flight.next(), if !in_flight.is_empty() => activity.note(),
            record = records.recv(), if may_take => match record {
                Some(record) => opened = open(record),
                None => is_ending = true,
            },
        }
    }
}

/// A record's links, or the one job of giving a malformed record up.
fn open(record: Record, ticket: impl FnOnce(Record, u32) -> Ticket) -> VecDeque<Job> {
    match LinkMessage::decode(&record.value) {
        Err(error) => {
            VecDeque::from([Job::Malformed { ticket: Arc::new(ticket(record, 1)), error }])
        }
        Ok(message) => {
            let links_count = message.links.len();
            let ticket = Arc::new(ticket(record, u32::try_from(links_count).unwrap_or(u32::MAX)));
            let links = (0_u32..).zip(message.links);
            let job = |(index, link)| {
                let place = ticket.link_place(index, links_count);
                let is_whole_record = links_count == 1;
                let force = message.force;
                Job::Link(LinkJob {
                    ticket: Arc::clone(&ticket),
                    id: place.document_id(),
                    place,
                    link,
                    force,
                    is_whole_record,
                })
            };
            links.map(job).collect()
        }
    }
}
