//! The load while it is under way: requests over HTTP, and records by hand.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::by_hand;
use super::client::{Client, Counters, Delivered};
use super::expected::RecordByHand;
use super::load::Load;
use super::timeline::Timeline;
use super::world::Addresses;

/// With everything mended, a request that is not acknowledged for so long never will be.
const STALL_LIMIT: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// A load under way. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Sending {
    links: usize,
    requests: usize,
    counters: Arc<Counters>,
    delivered: Arc<Mutex<Vec<Delivered>>>,
    client: AbortOnDropHandle<()>,
    by_hand: AbortOnDropHandle<Result<Vec<RecordByHand>>>,
}

/// What was sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// Requests that came to an end.
    pub(super) delivered: Vec<Delivered>,
    /// Records that the broker acknowledged.
    pub(super) by_hand: Vec<RecordByHand>,
    pub(super) posts_total: u64,
    pub(super) failed_posts_total: u64,
}

impl Sending {
    /// Starts to send.
    ///
    /// # Errors
    /// If there can be no HTTP client.
    pub(super) fn start(load: &Load, addresses: &Addresses, timeline: &Timeline) -> Result<Self> {
        let counters = Arc::new(Counters::default());
        let delivered: Arc<Mutex<Vec<Delivered>>> = Arc::default();
        let client = Client::new(&addresses.producer_url, Arc::clone(&counters))?;
        let ended = Arc::clone(&delivered);
        let client = client.run(load.requests.clone(), timeline.begin(), move |request| {
            ended.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        });
        let by_hand = by_hand::publish(
            addresses.kafka.clone(),
            addresses.topic().to_owned(),
            load.by_hand.clone(),
            timeline.clone(),
        );
        Ok(Self {
            links: load.requests.iter().map(|request| request.links.len()).sum(),
            requests: load.requests.len(),
            counters,
            delivered,
            client: AbortOnDropHandle::new(tokio::spawn(client)),
            by_hand: AbortOnDropHandle::new(tokio::spawn(by_hand)),
        })
    }

    /// How far it is, in a line.
    pub(super) fn status(&self) -> String {
        let acknowledged = self.counters.acknowledged_links.load(Ordering::Relaxed);
        let failed = self.counters.failed_posts_total.load(Ordering::Relaxed);
        format!("{acknowledged} of {} links acknowledged, {failed} posts failed so far", self.links)
    }

    /// Waits until all is sent, or nothing moves any more. For when everything is mended.
    ///
    /// # Errors
    /// If a sender failed by itself.
    pub(super) async fn finish(self, progress: &(dyn Fn(&str) + Sync)) -> Result<Sent> {
        let mut last = (0, Instant::now());
        while !(self.client.is_finished() && self.by_hand.is_finished()) {
            let ended = self.ended_count();
            if ended != last.0 {
                last = (ended, Instant::now());
            }
            if last.1.elapsed() > STALL_LIMIT {
                break;
            }
            progress(&format!("{} ({ended} of {} requests)", self.status(), self.requests));
            sleep(LOOK_INTERVAL).await;
        }
        anyhow::ensure!(self.by_hand.is_finished(), "records by hand could not be written");
        let delivered =
            std::mem::take(&mut *self.delivered.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Sent {
            delivered,
            by_hand: self.by_hand.await.context("the writer of records by hand")??,
            posts_total: self.counters.posts_total.load(Ordering::Relaxed),
            failed_posts_total: self.counters.failed_posts_total.load(Ordering::Relaxed),
        })
    }

    fn ended_count(&self) -> usize {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
