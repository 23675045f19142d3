//! Retries an operation until it succeeds: a write to the store, the broker or the journal. The
//! caller chooses the operation, the pauses, and what happens after each failure.
//!
//! It must not know: what the operation is.

use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(1);

/// Calls `attempt` until it succeeds, and returns its result. Each error is given to `failed`, and
/// a pause follows. After the end of `pauses`, each pause is a second.
///
/// # Cancel safety
/// The same as of `attempt`.
pub async fn until_it_works<T, E, F>(
    pauses: impl Iterator<Item = Duration>,
    attempt: impl Fn() -> F,
    failed: impl FnMut(E),
) -> T
where
    F: Future<Output = Result<T, E>>,
{
    let attempt = |()| {
        let attempt = attempt();
        async move { attempt.await.map_err(|error| ((), error)) }
    };
    until_it_works_with((), pauses, attempt, failed).await
}

/// Like [`until_it_works`], but for an attempt that changes something: it owns `state` while it
/// runs, and returns it with its error.
///
/// # Cancel safety
/// The same as of `attempt`; `state` is dropped.
// Not an `AsyncFnMut` that borrows its state: the compiler cannot prove that its future is `Send`.
pub async fn until_it_works_with<S, T, E, F>(
    mut state: S,
    mut pauses: impl Iterator<Item = Duration>,
    attempt: impl Fn(S) -> F,
    mut failed: impl FnMut(E),
) -> T
where
    F: Future<Output = Result<T, (S, E)>>,
{
    loop {
        match attempt(state).await {
            Ok(done) => return done,
            Err((same, error)) => {
                failed(error);
                state = same;
            }
        }
        tokio::time::sleep(pauses.next().unwrap_or(PAUSE)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_made_until_it_works_and_each_failure_is_reported() {
        let (mut reported, begin) = (Vec::new(), Instant::now());
        let pauses = (1..).map(Duration::from_secs);
        let attempt = async |tries| if tries < 4 { Err((tries + 1, tries)) } else { Ok("done") };
        let done = until_it_works_with(1, pauses, attempt, |error| reported.push(error)).await;
        assert_eq!((done, reported), ("done", vec![1, 2, 3]));
        assert_eq!(begin.elapsed().as_secs(), 1 + 2 + 3);
    }
}
