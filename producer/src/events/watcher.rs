//! One client's view of a request: what it has not seen yet, in the order in which it gets it.
//!
//! A client that reads slowly holds nothing up: it is asked for its next event only when it has
//! taken the last, and then gets what all polls have found meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_store::LinkStatus;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::progress::{Counters, Progress};
use super::ranges::IndexRanges;
use crate::slots::Slot;

/// How long a stream may be without news.
const MAX_SILENCE: Duration = Duration::from_secs(600);
/// The ranges of an id, so that it fits into a header everywhere. A link that would add one waits
/// until the gaps before it are filled.
const MAX_RANGES: usize = 100;

/// What a client is sent.
#[derive(Debug)]
pub(crate) enum News {
    /// A link has become done; the client has now seen these.
    Link(LinkStatus, String),
    /// The counters have changed.
    Counters(Counters),
    /// The store cannot be read; the stream continues when it can.
    StoreUnavailable,
    /// Nothing is pending; the stream ends.
    Done(Counters),
    /// Nothing has happened for a long time; the stream ends.
    Idle(Counters),
}

/// A stream of news.
#[derive(Debug)]
pub(crate) struct Watcher {
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    seen: IndexRanges,
    /// How many parts of the progress were taken up.
    parts_count: usize,
    gaps: Arc<BTreeMap<u32, u32>>,
    /// Links that are done and not sent, by index: each a position in a part.
    waiting: BTreeMap<u32, (Arc<[LinkStatus]>, usize)>,
    sent_counters: Option<Counters>,
    is_store_down: bool,
    silent_until: Instant,
    is_over: bool,
    _slot: Slot,
}

impl Watcher {
    pub(super) fn new(
        mut progress: watch::Receiver<Progress>,
        seen: IndexRanges,
        stop: CancellationToken,
        slot: Slot,
    ) -> Self {
        progress.mark_changed();
        Self {
            progress,
            stop,
            seen,
            parts_count: 0,
            gaps: Arc::default(),
            waiting: BTreeMap::new(),
            sent_counters: None,
            is_store_down: false,
            silent_until: Instant::now() + MAX_SILENCE,
            is_over: false,
            _slot: slot,
        }
    }

    /// Waits for the next news; `None` after the last, and immediately when the role stops.
    pub(crate) async fn next(&mut self) -> Option<News> {
        loop {
            if self.is_over || self.stop.is_cancelled() {
                return None;
            }
            if let Some(news) = self.now() {
                return Some(news);
            }
            let changed = tokio::select! {
                () = self.stop.cancelled() => return None,
                () = sleep_until(self.silent_until) => {
                    self.is_over = true;
                    return Some(News::Idle(self.progress.borrow().counters));
                }
                changed = self.progress.changed() => changed,
            };
            // The poll has ended, and all that it found is sent.
            if changed.is_err() {
                return None;
            }
        }
    }

    /// Returns the next news that there is already.
    fn now(&mut self) -> Option<News> {
        let (counters, is_known, is_store_down) = self.take_up();
        let news = if let Some(link) = self.next_link(counters) {
            link
        } else if is_store_down {
            // The counters follow when the store is back, although they may be the same.
            self.sent_counters = None;
            if std::mem::replace(&mut self.is_store_down, true) {
                return None;
            }
            News::StoreUnavailable
        } else if is_known && counters.pending() == 0 {
            self.is_over = true;
            News::Done(counters)
        } else if is_known && self.sent_counters != Some(counters) {
            self.is_store_down = false;
            self.sent_counters = Some(counters);
            News::Counters(counters)
        } else {
            return None;
        };
        self.silent_until = Instant::now() + MAX_SILENCE;
        Some(news)
    }

    /// Takes up what the polls have found since the last call.
    fn take_up(&mut self) -> (Counters, bool, bool) {
        let progress = self.progress.borrow_and_update();
        for part in progress.parts.iter().skip(self.parts_count) {
            for (position, link) in part.iter().enumerate() {
                if !self.seen.contains(link.index) {
                    self.waiting.insert(link.index, (Arc::clone(part), position));
                }
            }
        }
        self.parts_count = progress.parts.len();
        if !Arc::ptr_eq(&self.gaps, &progress.gaps) {
            self.gaps = Arc::clone(&progress.gaps);
            // A gap has no links, so it joins the ranges around it.
            for (first, last) in self.gaps.iter() {
                if first.checked_sub(1).is_some_and(|before| self.seen.contains(before)) {
                    self.seen.insert(*first, *last);
                }
            }
        }
        (progress.counters, progress.is_known, progress.is_store_down)
    }

    fn next_link(&mut self, counters: Counters) -> Option<News> {
        let index = if self.seen.count() < MAX_RANGES {
            *self.waiting.first_key_value()?.0
        } else {
            let candidates = self.seen.first_missing(0).into_iter().chain(self.seen.neighbours());
            let fitting = candidates.into_iter().find(|index| self.waiting.contains_key(index));
            // Once nothing is pending, no link waits for another.
            let first = || self.waiting.keys().next().copied();
            fitting.or_else(|| if counters.pending() == 0 { first() } else { None })?
        };
        let (part, position) = self.waiting.remove(&index)?;
        self.seen.insert(index, index);
        if let Some((first, last)) =
            index.checked_add(1).and_then(|next| self.gaps.get_key_value(&next))
        {
            self.seen.insert(*first, *last);
        }
        Some(News::Link(part.get(position)?.clone(), self.seen.to_string()))
    }
}
