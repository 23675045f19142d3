//! How an extraction's time passes.
//!
//! tokio's timers tick once a millisecond: 5 ms take between 5 and 6, and the ideal rate that
//! follows is not 64 in 5 ms. The exact timer is a thread that sleeps by the kernel's own, as a
//! far side on the network does not wait for our ticks either.

use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::oneshot;

/// Something to sleep by.
#[derive(Clone)]
pub enum Timer {
    /// No time passes.
    None,
    /// `tokio::time::sleep`.
    Tokio(Duration),
    /// A thread that wakes sleepers when their time has come.
    Exact(ExactTimer),
}

/// Handle of the thread; it ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct ExactTimer {
    duration: Duration,
    sleepers: mpsc::Sender<Sleeper>,
}

#[derive(Debug)]
struct Sleeper {
    until: Instant,
    wake: oneshot::Sender<()>,
}

impl Timer {
    /// An exact timer of this duration.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn exact(duration: Duration) -> Result<Self> {
        // Holds as many as there are tasks that sleep.
        let (sleepers, queue) = mpsc::channel();
        thread::Builder::new().name("exact-timer".to_owned()).spawn(move || wake_all(&queue))?;
        Ok(Self::Exact(ExactTimer { duration, sleepers }))
    }

    /// Whether no time passes.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// How long it is to take.
    pub fn nominal(&self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Tokio(duration) => *duration,
            Self::Exact(exact) => exact.duration,
        }
    }

    /// Sleeps once.
    pub async fn sleep(&self) {
        match self {
            Self::None => {}
            Self::Tokio(duration) => tokio::time::sleep(*duration).await,
            Self::Exact(exact) => exact.sleep().await,
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::None => "None",
            Self::Tokio(_) => "Tokio",
            Self::Exact(_) => "Exact",
        };
        f.debug_tuple(name).field(&self.nominal()).finish()
    }
}

impl ExactTimer {
    async fn sleep(&self) {
        let (wake, woken) = oneshot::channel();
        let until = Instant::now() + self.duration;
        // The thread lives as long as this handle, so both ends are there.
        self.sleepers.send(Sleeper { until, wake }).ok();
        woken.await.ok();
    }
}

/// All sleep equally long, so they wake in the order in which they came.
fn wake_all(queue: &mpsc::Receiver<Sleeper>) {
    for sleeper in queue {
        if let Some(left) = sleeper.until.checked_duration_since(Instant::now()) {
            thread::sleep(left);
        }
        // Nobody is there if an extraction was dropped.
        sleeper.wake.send(()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_timer_wakes_too_early() {
        let duration = Duration::from_millis(3);
        for timer in [Timer::Tokio(duration), Timer::exact(duration).unwrap()] {
            let begun = Instant::now();
            timer.sleep().await;
            assert!(begun.elapsed() >= duration, "{timer:?}");
        }
    }
}
