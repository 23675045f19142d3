//! What so many in flight can do at best, with this timer on this machine now.

use std::time::Instant;

use futures::future::join_all;

use super::timer::Timer;

/// So many tasks that do nothing but sleep, one sleep after the other.
pub(super) async fn sleeps_per_second(timer: &Timer, tasks_count: usize, sleeps: usize) -> f64 {
    let each = (sleeps / tasks_count).max(1);
    let begun = Instant::now();
    let tasks = (0..tasks_count).map(|_| {
        let timer = timer.clone();
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
