//! Waiting for a condition: short interval, long limit, and the last status in the error.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep, timeout_at};

/// An interval that costs little and keeps a test quick.
pub const SHORT: Duration = Duration::from_millis(20);
/// A limit that only something broken reaches, on a machine that is busy with other things.
pub const LONG: Duration = Duration::from_secs(60);

/// Runs `check` every `interval` until it returns a value. The error of a check is the current
/// status; the last one is part of the error here.
///
/// # Errors
/// If there was no value within `limit`, also when a check hangs.
pub async fn wait_for<T>(
    what: &str,
    limit: Duration,
    interval: Duration,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut status = "the first check did not end".to_owned();
    loop {
        match timeout_at(deadline, check()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(now)) => status = now,
            Err(_) => bail!("waited {limit:?} for {what}; a check hangs; before: {status}"),
        }
        if Instant::now() + interval >= deadline {
            bail!("waited {limit:?} for {what}; last: {status}");
        }
        sleep(interval).await;
    }
}

/// The result of a check: the status is only needed if the condition is not met yet.
///
/// # Errors
/// If `is_met` is false.
pub fn ok_if(is_met: bool, status: impl ToString) -> Result<(), String> {
    if is_met { Ok(()) } else { Err(status.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_value_ends_the_waiting() {
        let mut checks_count = 0;
        let waited = wait_for("the third check", LONG, SHORT, async || {
            checks_count += 1;
            if checks_count == 3 { Ok("here") } else { Err(format!("{checks_count} checks")) }
        });
        assert_eq!(waited.await.unwrap(), "here");
        assert_eq!(checks_count, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_says_what_was_waited_for_and_the_last_status() {
        let mut checks_count = 0;
        let waited = wait_for("a miracle", LONG, SHORT, async || {
            checks_count += 1;
            Err::<(), _>(format!("{checks_count} checks"))
        });
        let error = waited.await.unwrap_err().to_string();
        assert!(error.contains("for a miracle"), "{error}");
        assert!(error.ends_with(&format!("last: {checks_count} checks")), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_ends_with_the_limit() {
        let waited = wait_for("an answer", LONG, SHORT, async || {
            std::future::pending::<Result<(), String>>().await
        });
        let error = waited.await.unwrap_err().to_string();
        assert!(error.contains("a check hangs"), "{error}");
    }
}
