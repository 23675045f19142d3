//! The jobs of one lane, in the order of their records. After a take-over, and after a log that
//! went back, those that are complete are left out. Only the documents record what is complete
//! beyond a commit, so the store is asked in batches, until as many records as one owner may
//! complete beyond the commit (MAX_PREFIX_GAP) have passed of which none was found.

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
use crate::results::Results;

/// How many records one query of the store is about.
const RECORDS_PER_QUERY: usize = 500;

/// What a lane's jobs are made of.
pub(crate) struct JobsParts {
    pub(crate) records: mpsc::Receiver<HandedOver>,
    pub(crate) records_in_flight: Arc<InFlight>,
    pub(crate) documents: Documents,
    pub(crate) results: Results,
    pub(crate) completions: mpsc::Sender<Vec<Completion>>,
    /// After how many records of which none was found the store is no longer asked.
    pub(crate) prefix_gap: usize,
    /// The most links of one record.
    pub(crate) links_limit: usize,
}

/// The jobs of one lane that are not begun.
pub(crate) struct Jobs {
    parts: JobsParts,
    /// The epoch of the newest record.
    epoch: Option<Epoch>,
    /// How many more records may pass of which none is found; 0 when the store is no longer asked.
    looks_left: usize,
    looking: Option<BoxFuture<'static, Looked>>,
    ready: VecDeque<Job>,
}

/// What the store has of a batch of records.
struct Looked {
    /// The jobs that are not complete.
    jobs: Vec<Job>,
    /// The number of records after the last one that was found; all of them if none was.
    records_since_finding: usize,
    is_anything_found: bool,
}

impl Jobs {
    pub(crate) fn new(parts: JobsParts) -> Self {
        Self { parts, epoch: None, looks_left: 0, looking: None, ready: VecDeque::new() }
    }

    /// Returns the next job to begin.
    pub(crate) fn pop(&mut self) -> Option<Job> {
        self.ready.pop_front()
    }

    /// Drops all jobs that are not begun.
    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.looking = None;
    }

    /// Returns whether to [`refill`](Self::refill), for a worker that could begin `room` more jobs.
    /// While the store is asked, the next answer is fetched before it is needed.
    pub(crate) fn are_wanted(&self, room: usize) -> bool {
        let is_looking = self.looks_left > 0 || self.looking.is_some();
        if is_looking { self.ready.len() <= room } else { self.ready.is_empty() && room > 0 }
    }

    /// Waits for more jobs. Returns `false` when no more will come.
    ///
    /// # Cancel safety
    /// When dropped, what was received is kept.
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

    /// Opens the next records, or begins to ask which of their links are complete.
    async fn receive(&mut self) -> bool {
        if self.looks_left > 0 {
            let mut records = Vec::with_capacity(RECORDS_PER_QUERY);
            let count = self.parts.records.recv_many(&mut records, RECORDS_PER_QUERY).await;
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
        let JobsParts { records_in_flight, links_limit, .. } = &self.parts;
        let opened = records.into_iter();
        let opened =
            opened.map(|(epoch, record)| job::open(record, epoch, records_in_flight, *links_limit));
        let opened = opened.collect();
        let JobsParts { documents, results, completions, .. } = &self.parts;
        let look = look(documents.clone(), results.clone(), completions.clone(), opened);
        self.looking = Some(look.boxed());
    }

    fn settle(&mut self, looked: Looked) {
        let looks_left =
            if looked.is_anything_found { self.parts.prefix_gap } else { self.looks_left };
        self.looks_left = looks_left.saturating_sub(looked.records_since_finding);
        self.ready.extend(looked.jobs);
    }
}

/// Takes out the jobs that are complete, reports them to the store, publishes their results again,
/// since the last owner may have ended before it did, and completes their records.
async fn look(
    documents: Documents,
    results: Results,
    completions: mpsc::Sender<Vec<Completion>>,
    records: Vec<Vec<Job>>,
) -> Looked {
    let ids: Vec<DocumentId> = records.iter().flatten().map(|job| job.id().clone()).collect();
    let known = documents.known(&ids).await;
    let is_found = |jobs: &Vec<Job>| jobs.iter().any(|job| known.contains_key(job.id()));
    let is_complete =
        |job: &Job| known.get(job.id()).is_some_and(|known| job.is_completed_by(known));
    let last_finding = records.iter().rposition(is_found);
    let records_since_finding = records.len() - last_finding.map_or(0, |index| index + 1);
    let (complete, jobs): (Vec<Job>, Vec<Job>) =
        records.into_iter().flatten().partition(is_complete);
    if !complete.is_empty() {
        let ids: Vec<DocumentId> = complete.iter().map(|job| job.id().clone()).collect();
        documents.done(&ids).await;
        results.found(&ids).await;
        counter!(names::LINKS_SKIPPED).increment(complete.len() as u64);
        let completed = complete.iter().filter_map(|job| job.ticket().finish_link()).collect();
        // The poll thread outlives every lane; if it has ended, the process ends. The tickets are
        // dropped after their completions, so that a drained lane has received all of them.
        drop(completions.send(completed).await);
    }
    Looked { jobs, records_since_finding, is_anything_found: last_finding.is_some() }
}
