//! What the deployment did in the last hour: a point every ten seconds, in the memory of this
//! process.
//!
//! `ring` keeps the points; this file takes them, of this producer's own counts and of the rows of
//! all other processes.
//!
//! It must not know: how the points are shown.

mod ring;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_store::Store;
use linkrelay_store::processes::{ProcessIdentity, ProcessRole, SeenProcess};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::rates::RatesReader;
pub(crate) use ring::{Point, Ring};

/// The time between two points.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// How long the store may take, before a point is without the other processes.
const STORE_LIMIT: Duration = Duration::from_secs(5);

/// The points, for everyone who shows them. Cheap to clone; all clones share them.
#[derive(Debug, Clone)]
pub(crate) struct History(Arc<Mutex<Ring>>);

impl History {
    /// Makes it without points.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Ring::new(Timestamp::now()))))
    }

    /// Returns a copy of the points.
    pub(crate) fn points(&self) -> Ring {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a point every [`STEP`], until `stop`.
    pub(crate) async fn keep(self, sampler: Sampler, stop: CancellationToken) {
        // `None` means that it was stopped.
        let _stopped = stop.run_until_cancelled(self.take(sampler)).await;
    }

    async fn take(&self, mut sampler: Sampler) {
        let started = Instant::now();
        let mut ticks = interval(STEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let at = ticks.tick().await;
            let number = at.duration_since(started).as_secs() / STEP.as_secs();
            let (as_of, point) = (Timestamp::now(), sampler.point().await);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).put(number, as_of, point);
        }
    }
}

/// Where a point comes from.
#[derive(Debug)]
pub(crate) struct Sampler {
    store: Arc<dyn Store>,
    rates: RatesReader,
    own: ProcessIdentity,
    last: Option<Instant>,
}

impl Sampler {
    /// Makes the one of a producer with this identity, which is counted by `rates`.
    pub(crate) fn new(store: Arc<dyn Store>, rates: RatesReader, own: ProcessIdentity) -> Self {
        Self { store, rates, own, last: None }
    }

    async fn point(&mut self) -> Point {
        let since_last = self.last.replace(Instant::now()).map(|last| last.elapsed());
        let (accepted, unavailable) = self.rates.per_second(since_last.unwrap_or_default());
        let own = since_last.map(|_| Point {
            accepted_per_second: Some(accepted),
            unavailable_per_second: Some(unavailable),
            ..Point::default()
        });
        let own = own.unwrap_or_default();
        match timeout(STORE_LIMIT, self.store.processes()).await {
            Ok(Ok(seen)) => self.with_others(own, &seen),
            // Readiness says that the store fails.
            _ => own,
        }
    }

    /// Adds what the other processes do that run.
    fn with_others(&self, own: Point, seen: &[SeenProcess]) -> Point {
        let running = seen.iter().filter(|seen| !seen.is_gone());
        let rows = || running.clone().map(|seen| &seen.row);
        let of = |role| rows().filter(move |row| row.identity.role == role);
        let others = || of(ProcessRole::Producer).filter(|row| row.identity != self.own);
        let consumers = || of(ProcessRole::Consumer).map(|row| &row.figures);
        Point {
            accepted_per_second: plus(
                own.accepted_per_second,
                sum(others().map(|row| row.figures.accepted_per_second)),
            ),
            unavailable_per_second: plus(
                own.unavailable_per_second,
                sum(others().map(|row| row.figures.unavailable_per_second)),
            ),
            completed_per_second: sum(consumers().map(|figures| figures.links_per_second)),
            in_flight: sum(consumers().map(|figures| figures.in_flight.map(|count| count as f64))),
            lag: sum(consumers().map(|figures| figures.lag.map(|lag| lag as f64))),
            consumers: Some(consumers().count() as f64),
        }
    }
}

/// Returns the sum of what is known; `None` if nothing is.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn plus(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    sum([one, other].into_iter())
}

#[cfg(test)]
mod tests {
    use linkrelay_store::processes::{ProcessFigures, ProcessRow, ProcessStore as _};
    use linkrelay_store::testing::FaultyStore;

    use super::*;
    use crate::rates::Rates;

    fn row(role: ProcessRole, figures: ProcessFigures) -> ProcessRow {
        let identity = ProcessIdentity::new(role, None);
        ProcessRow { identity, interval_ms: 3_600_000, figures }
    }

    #[tokio::test(start_paused = true)]
    async fn a_point_has_this_producer_s_own_rates_and_what_the_others_say() {
        let (store, rates) = (Arc::new(FaultyStore::default()), Rates::default());
        let own = ProcessIdentity::new(ProcessRole::Producer, None);
        let figures = ProcessFigures {
            links_per_second: Some(2.5),
            in_flight: Some(7),
            lag: Some(40),
            ..ProcessFigures::default()
        };
        let producer = ProcessFigures {
            accepted_per_second: Some(3.0),
            unavailable_per_second: None,
            ..ProcessFigures::default()
        };
        // This producer's own row is not counted a second time.
        let own_row =
            ProcessRow { identity: own.clone(), ..row(ProcessRole::Producer, producer.clone()) };
        for row in
            [row(ProcessRole::Consumer, figures), row(ProcessRole::Producer, producer), own_row]
        {
            store.beat(&row).await.unwrap();
        }
        let (history, stop) = (History::new(), CancellationToken::new());
        let shared: Arc<dyn Store> = Arc::<FaultyStore>::clone(&store);
        let sampler = Sampler::new(shared, rates.reader(), own);
        let task = tokio::spawn(history.clone().keep(sampler, stop.clone()));
        let after = async |steps: u32| {
            tokio::time::sleep(STEP * steps + Duration::from_millis(1)).await;
            history.points()
        };
        let first = after(0).await.points()[0];
        assert_eq!((first.consumers, first.accepted_per_second), (Some(1.0), Some(3.0)));
        for _ in 0..20 {
            rates.accepted();
        }
        let second = after(1).await.points()[1];
        let expected = Point {
            accepted_per_second: Some(5.0),
            unavailable_per_second: Some(0.0),
            completed_per_second: Some(2.5),
            in_flight: Some(7.0),
            lag: Some(40.0),
            consumers: Some(1.0),
        };
        assert_eq!(second, expected);
        store.set_down(true);
        let third = after(1).await.points()[2];
        let alone = Point {
            accepted_per_second: Some(0.0),
            unavailable_per_second: Some(0.0),
            ..Point::default()
        };
        assert_eq!(third, alone);
        assert_eq!(history.points().points().len(), 3);
        stop.cancel();
        task.await.unwrap();
    }
}
