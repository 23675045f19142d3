//! The jobs of one lane, in the order of their records. After a take-over, and after a log that
//! went back, without those that were done before: nothing else remembers what is complete beyond
//! a committed offset, so the store is asked, by the batch, until as many records as one owner
//! may complete beyond it (MAX_PREFIX_GAP) have passed without a finding.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use linkrelay_common::DocumentId;
use linkrelay_common::metrics as names;
use metrics::counter;
use tokio::sync::mpsc;

use crate::documents::Documents;
use crate::job::{self, Job};
use crate::lane::HandedOver;
use crate::record::{Completion, Epoch, InFlight};

/// How many records one question is about.
const RECORDS_PER_QUESTION: usize = 500;

/// What a lane's jobs are made of.
pub(crate) struct JobsParts {
    pub(crate) records: mpsc::Receiver<HandedOver>,
    pub(crate) records_in_flight: Arc<InFlight>,
    pub(crate) documents: Documents,
    pub(crate) completions: mpsc::Sender<Vec<Completion>>,
    /// How many records without a finding end the questions.
    pub(crate) prefix_gap: usize,
    /// The most links of one record.
    pub(crate) links_limit: usize,
}

/// See the module.
pub(crate) struct Jobs {
    parts: JobsParts,
    /// Of the newest record.
    epoch: Option<Epoch>,
    /// Records that may still pass without a finding; 0 when the store is asked no more.
    looks_left: usize,
    looking: Option<BoxFuture<'static, Looked>>,
    ready: VecDeque<Job>,
}

/// What the store knows of a batch of records.
struct Looked {
    /// Not done yet.
    jobs: Vec<Job>,
    /// Records after the last one of which anything was found; all of them if nothing was.
    records_since_finding: usize,
    is_anything_found: bool,
}

impl Jobs {
    pub(crate) fn new(parts: JobsParts) -> Self {
        Self { parts, epoch: None, looks_left: 0, looking: None, ready: VecDeque::new() }
    }

    /// The next one to be done.
    pub(crate) fn pop(&mut self) -> Option<Job> {
        self.ready.pop_front()
    }

    /// Forgets those that are not begun.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.looking = None;
    }

    /// Whether to [`refill`](Self::refill), for a worker that could begin so many more. While the
    /// store is asked, the next answer is fetched before it is needed.
    pub(crate) fn are_wanted(&self, room: usize) -> bool {
        let is_looking = self.looks_left > 0 || self.looking.is_some();
        if is_looking { self.ready.len() <= room } else { self.ready.is_empty() && room > 0 }
    }

    /// Waits for more; `false` when no more will come.
    ///
    /// # Cancel safety
    /// What was received is kept.
    pub(crate) async fn refill(&mut self) -> bool {
        if self.looking.is_none() && !self.receive().await {
            return false;
        }
        if let Some(looking) = &mut self.looking {
            let looked = looking.await;
            self.looking = None;
            self.settle(looked);
        }
        true
    }

    /// Opens what comes next, or begins to ask what of it is done.
    async fn receive(&mut self) -> bool {
        if self.looks_left > 0 {
            let mut records = Vec::with_capacity(RECORDS_PER_QUESTION);
            let count = self.parts.records.recv_many(&mut records, RECORDS_PER_QUESTION).await;
            self.look(records);
            return count > 0;
        }
        let Some((epoch, record)) = self.parts.records.recv().await else { return false };
        if self.epoch == Some(epoch) {
            let JobsParts { records_in_flight, links_limit, .. } = &self.parts;
            self.ready.extend(job::open(record, epoch, records_in_flight, *links_limit));
        } else {
            self.look(vec![(epoch, record)]);
        }
        true
    }

    fn look(&mut self, records: Vec<HandedOver>) {
        let newest_epoch = records.last().map(|(epoch, _)| *epoch);
        if newest_epoch.is_some() && newest_epoch != self.epoch {
            self.epoch = newest_epoch;
            self.looks_left = self.parts.prefix_gap;
        }
        let JobsParts { records_in_flight, links_limit, documents, completions, .. } = &self.parts;
        let opened = records.into_iter();
        let opened =
            opened.map(|(epoch, record)| job::open(record, epoch, records_in_flight, *links_limit));
        self.looking = Some(look(documents.clone(), completions.clone(), opened.collect()).boxed());
    }

    fn settle(&mut self, looked: Looked) {
        let looks_left =
            if looked.is_anything_found { self.parts.prefix_gap } else { self.looks_left };
        self.looks_left = looks_left.saturating_sub(looked.records_since_finding);
        self.ready.extend(looked.jobs);
    }
}

/// Takes out what is done, tells the store so, and reports it as complete.
async fn look(
    documents: Documents,
    completions: mpsc::Sender<Vec<Completion>>,
    records: Vec<Vec<Job>>,
) -> Looked {
    let ids: Vec<DocumentId> = records.iter().flatten().map(|job| job.id().clone()).collect();
    let known = documents.known(&ids).await;
    let is_found = |jobs: &Vec<Job>| jobs.iter().any(|job| known.contains_key(job.id()));
    let is_done = |job: &Job| known.get(job.id()).is_some_and(|known| job.is_done_by(known));
    let last_finding = records.iter().rposition(is_found);
    let records_since_finding = records.len() - last_finding.map_or(0, |index| index + 1);
    let (done, jobs): (Vec<Job>, Vec<Job>) = records.into_iter().flatten().partition(is_done);
    if !done.is_empty() {
        let done_ids: Vec<DocumentId> = done.iter().map(|job| job.id().clone()).collect();
        documents.done(&done_ids).await;
        counter!(names::LINKS_SKIPPED).increment(done.len() as u64);
        let complete = done.iter().filter_map(|job| job.ticket().finish_link()).collect();
        // The poll thread outlives every lane; if it is gone, the process ends. The tickets go
        // after their completions, so that a drained lane has them all.
        drop(completions.send(complete).await);
    }
    Looked { jobs, records_since_finding, is_anything_found: last_finding.is_some() }
}
