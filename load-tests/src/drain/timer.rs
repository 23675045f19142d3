//! How the time of an extraction passes.
//!
//! tokio's timers tick once a millisecond: 5 ms take between 5 and 6, and the ideal rate that
//! follows is not 64 in 5 ms. The exact timer is a thread that sleeps by the kernel's timer,
//! because YouTube does not wait for tokio's ticks either.

use std::num::NonZeroU64;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use rustix::thread::set_current_timer_slack;
use tokio::sync::oneshot;

/// Something to sleep by.
#[derive(Debug, Clone)]
pub(crate) enum Timer {
    /// No time passes.
    None,
    /// `tokio::time::sleep`.
    Tokio(Duration),
    /// A thread that wakes each sleeper when its time has come.
    Exact(ExactTimer),
}

/// How late the kernel may wake the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slack {
    /// As late as any other thread.
    Default,
    /// As little as it can.
    Least,
}

/// A handle of the thread, which ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(crate) struct ExactTimer {
    duration: Duration,
    sleepers: mpsc::Sender<Sleeper>,
}

#[derive(Debug)]
struct Sleeper {
    until: Instant,
    wake: oneshot::Sender<()>,
}

impl Timer {
    /// Returns an exact timer of this duration.
    pub(crate) fn exact(duration: Duration, slack: Slack) -> Result<Self> {
        // Holds as many sleepers as there are tasks that sleep.
        let (sleepers, queue) = mpsc::channel();
        let wake = move || {
            if slack == Slack::Least
                && let Err(error) = set_current_timer_slack(NonZeroU64::new(1))
            {
                eprintln!("the timer is less exact: no timer slack: {error}");
            }
            wake_all(&queue);
        };
        thread::Builder::new().name("exact-timer".to_owned()).spawn(wake)?;
        Ok(Self::Exact(ExactTimer { duration, sleepers }))
    }

    /// Whether no time passes.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Returns how long one sleep should take.
    pub(crate) fn nominal(&self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Tokio(duration) => *duration,
            Self::Exact(exact) => exact.duration,
        }
    }

    /// Sleeps once.
    pub(crate) async fn sleep(&self) {
        match self {
            Self::None => {}
            Self::Tokio(duration) => tokio::time::sleep(*duration).await,
            Self::Exact(exact) => exact.sleep().await,
        }
    }

    /// Returns what `tasks_count` in flight can do at best on this machine now: that many tasks
    /// that only sleep, one sleep after the other.
    pub(crate) async fn sleeps_per_second(&self, tasks_count: usize, sleeps_count: usize) -> f64 {
        let each = (sleeps_count / tasks_count).max(1);
        let begun = Instant::now();
        let tasks = (0..tasks_count).map(|_| {
            let timer = self.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    timer.sleep().await;
                }
            })
        });
        // A sleeper cannot fail.
        drop(join_all(tasks).await);
        (tasks_count * each) as f64 / begun.elapsed().as_secs_f64()
    }
}

impl ExactTimer {
    async fn sleep(&self) {
        let (wake, woken) = oneshot::channel();
        let until = Instant::now() + self.duration;
        // The thread lives as long as this handle, so both ends exist.
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
        // No task receives it if the extraction was dropped.
        sleeper.wake.send(()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_timer_wakes_too_early() {
        let duration = Duration::from_millis(3);
        for timer in [Timer::Tokio(duration), Timer::exact(duration, Slack::Least).unwrap()] {
            let begun = Instant::now();
            timer.sleep().await;
            assert!(begun.elapsed() >= duration, "{timer:?}");
        }
    }
}
