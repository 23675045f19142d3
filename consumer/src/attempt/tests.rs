use std::cell::{Cell, RefCell};

use linkrelay_common::health::Health;
use linkrelay_extractor::Refusal;
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const RETRY: RetryPolicy =
    RetryPolicy { max_attempts: 3, backoff_min: Duration::from_millis(100), backoff_max: SECOND };
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Makes permits with a breaker that opens when half of at least `min_links` recent links failed.
fn permits(min_links: usize) -> Permits {
    let policy = OutagePolicy {
        window_links: 10,
        min_links,
        failure_ratio: 0.5,
        probe_interval: PROBE_INTERVAL,
    };
    Permits::new(4, OutageBreaker::new(policy, Health::default().part("extraction")))
}

/// The outcome of a lookup, with its attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    Found,
    Refused(u32),
    GivenUp(u32),
    Open,
}

#[derive(Debug)]
struct Asked {
    outcome: Outcome,
    times: usize,
    /// Of each attempt that was repeated: the attempts so far, and the wait.
    again: Vec<(u32, Option<Duration>)>,
    seconds: u64,
}

/// Runs a lookup that fails with `errors`, and then succeeds.
async fn ask(kind: LookupKind<'_>, errors: &[ExtractError]) -> Asked {
    let (times, again) = (Cell::new(0), RefCell::new(Vec::new()));
    let begin = Instant::now();
    let answer = || async {
        times.set(times.get() + 1);
        Some(errors.get(times.get() - 1).cloned().map_or(Ok(()), Err))
    };
    let repeated = |attempt: Again<'_>| again.borrow_mut().push((attempt.attempts, attempt.wait));
    let drain = CancellationToken::new();
    let answer = Attempts::new(kind, &RETRY, &Span::default()).run(&drain, answer, repeated).await;
    let outcome = match answer {
        Some(Ok(())) => Outcome::Found,
        Some(Err(LookupFailure::Refused(error))) => Outcome::Refused(error.attempts),
        Some(Err(LookupFailure::GivenUp { attempts, .. })) => Outcome::GivenUp(attempts),
        None => Outcome::Open,
    };
    let seconds = begin.elapsed().as_secs();
    Asked { outcome, times: times.get(), again: again.into_inner(), seconds }
}

fn timed_out() -> ExtractError {
    ExtractError::TimedOut(SECOND)
}

fn refused() -> ExtractError {
    ExtractError::Refused(Refusal::Private)
}

fn throttled(retry_after: Option<Duration>) -> ExtractError {
    ExtractError::Throttled { reason: "status_429", retry_after }
}

fn stood_down(seconds: u64) -> ExtractError {
    ExtractError::StoodDown { reason: "api_rate_limit", reopens_in: SECOND * seconds as u32 }
}

#[tokio::test(start_paused = true)]
async fn a_transient_error_costs_every_lookup_an_attempt_until_none_is_left() {
    let (permits, semaphore) = (permits(10), Semaphore::new(1));
    for kind in
        [LookupKind::Link(&permits), LookupKind::List(&permits), LookupKind::Waiting(&semaphore)]
    {
        let errors = vec![timed_out(); 9];
        let asked = ask(kind, &errors).await;
        assert_eq!((asked.outcome, asked.times), (Outcome::GivenUp(3), 3), "{kind:?}");
        let attempts: Vec<u32> = asked.again.iter().map(|(attempts, _)| *attempts).collect();
        assert_eq!(attempts, [1, 2], "{kind:?}");
        assert!(asked.again.iter().all(|(_, wait)| wait.is_some_and(|wait| !wait.is_zero())));
        let asked = ask(kind, &errors[..2]).await;
        assert_eq!((asked.outcome, asked.times), (Outcome::Found, 3), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_every_lookup_immediately() {
    let (permits, semaphore) = (permits(10), Semaphore::new(1));
    for kind in
        [LookupKind::Link(&permits), LookupKind::List(&permits), LookupKind::Waiting(&semaphore)]
    {
        let asked = ask(kind, &[refused()]).await;
        assert_eq!((asked.outcome, asked.times), (Outcome::Refused(1), 1), "{kind:?}");
        let asked = ask(kind, &[timed_out(), refused()]).await;
        assert_eq!((asked.outcome, asked.times), (Outcome::Refused(2), 2), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_cools_the_process_down_and_costs_a_link_no_attempt() {
    let permits = permits(10);
    let errors = vec![throttled(None); 5];
    let asked = ask(LookupKind::Link(&permits), &errors).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::Found, 6));
    assert_eq!(asked.again, [(0, None); 5]);
    assert_eq!(asked.seconds, 1 + 2 + 4 + 8 + 16);
    // It found something, so the next wait is the shortest again.
    let asked = ask(LookupKind::Link(&permits), &errors[..1]).await;
    assert_eq!((asked.outcome, asked.seconds), (Outcome::Found, 1));
    let asked =
        ask(LookupKind::Link(&permits), &[throttled(None), timed_out(), throttled(None)]).await;
    let attempts: Vec<u32> = asked.again.iter().map(|(attempts, _)| *attempts).collect();
    assert_eq!((asked.outcome, attempts), (Outcome::Found, vec![0, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_alone_is_throttled_costs_an_attempt_and_holds_no_other_link() {
    let (permits, semaphore) = (permits(10), Semaphore::new(1));
    let alone = ExtractError::ThrottledAlone { reason: "bot_check" };
    for kind in [LookupKind::Link(&permits), LookupKind::Waiting(&semaphore)] {
        let asked = ask(kind, &vec![alone.clone(); 9]).await;
        assert_eq!((asked.outcome, asked.times), (Outcome::GivenUp(3), 3), "{kind:?}");
        assert!(!permits.are_held(), "{kind:?}");
    }
    // Before it is known to be alone, it costs none.
    let errors = [throttled(None), throttled(None), alone.clone(), alone.clone(), alone];
    let asked = ask(LookupKind::Link(&permits), &errors).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::GivenUp(3), 5));
    let attempts: Vec<u32> = asked.again.iter().map(|(attempts, _)| *attempts).collect();
    assert_eq!(attempts, [0, 0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_youtube_names_is_honoured_up_to_a_limit() {
    let permits = permits(10);
    for (named, seconds) in [(7, 7), (0, 1), (86_400, 300)] {
        let asked = ask(LookupKind::Link(&permits), &[throttled(Some(SECOND * named))]).await;
        assert_eq!((asked.outcome, asked.seconds), (Outcome::Found, seconds));
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_costs_a_list_an_attempt_and_ends_a_lookup_of_the_waiting_path() {
    let (permits, semaphore) = (permits(10), Semaphore::new(1));
    let errors = vec![throttled(None); 9];
    let asked = ask(LookupKind::List(&permits), &errors).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::GivenUp(3), 3));
    let asked = ask(LookupKind::Waiting(&semaphore), &errors).await;
    assert_eq!((asked.times, asked.again), (1, vec![]));
    assert!(matches!(asked.outcome, Outcome::GivenUp(_)));
    assert!(!permits.are_held(), "neither counts for the links");
}

#[tokio::test(start_paused = true)]
async fn a_list_waits_for_a_short_cool_down_of_the_data_api_and_is_given_up_before_a_long_one() {
    let permits = permits(10);
    let short = vec![stood_down(65); 5];
    let asked = ask(LookupKind::List(&permits), &short).await;
    assert_eq!((asked.outcome, asked.times, asked.seconds), (Outcome::Found, 6, 5 * 65));
    assert_eq!(asked.again, [(0, Some(SECOND * 65)); 5]);
    let asked = ask(LookupKind::List(&permits), &[stood_down(66)]).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::GivenUp(1), 1));
    // For a link, a strategy that is set aside is the same as one that fails.
    let asked = ask(LookupKind::Link(&permits), &short).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::GivenUp(3), 3));
}

#[tokio::test(start_paused = true)]
async fn while_the_breaker_is_open_no_link_is_given_up_and_a_list_is() {
    let permits = permits(1);
    let errors = vec![timed_out(); 9];
    let asked = ask(LookupKind::Link(&permits), &errors).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::Found, 10));
    assert_eq!(asked.again.last(), Some(&(9, Some(Duration::ZERO))));
    assert!(asked.seconds >= 9 * PROBE_INTERVAL.as_secs(), "{asked:?}");
    assert!(!permits.are_held(), "the answer closed it");
    // The failure of a list does not count for links.
    let asked = ask(LookupKind::List(&permits), &errors).await;
    assert_eq!(asked.outcome, Outcome::GivenUp(3));
    assert!(!permits.are_held());
    let dropped = tokio::time::timeout(SECOND, ask(LookupKind::Link(&permits), &errors)).await;
    assert!(dropped.is_err() && permits.are_held());
    let asked = ask(LookupKind::List(&permits), &errors).await;
    assert_eq!(asked.outcome, Outcome::GivenUp(3));
    assert!(permits.are_held());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_closes_the_breaker_and_throttling_does_not_count() {
    let permits = permits(1);
    let asked = ask(LookupKind::Link(&permits), &[timed_out(), throttled(None), refused()]).await;
    assert_eq!((asked.outcome, asked.times), (Outcome::Refused(2), 3));
    assert!(!permits.are_held());
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_every_wait_and_leaves_the_lookup_without_an_outcome() {
    let (permits, semaphore) = (permits(10), Semaphore::new(1));
    let held = semaphore.try_acquire().unwrap();
    let begin = Instant::now();
    for (kind, error) in [
        (LookupKind::Link(&permits), throttled(Some(SECOND * 60))),
        (LookupKind::List(&permits), stood_down(60)),
        (LookupKind::Waiting(&semaphore), timed_out()),
    ] {
        let drain = CancellationToken::new();
        let answer = || async { Some(Err::<(), _>(error.clone())) };
        let span = Span::default();
        let asking = Attempts::new(kind, &RETRY, &span).run(&drain, answer, |_| ());
        let draining = async {
            tokio::time::sleep(SECOND).await;
            drain.cancel();
        };
        let (answer, ()) = tokio::join!(asking, draining);
        assert!(answer.is_none(), "{kind:?}");
    }
    assert_eq!(begin.elapsed().as_secs(), 3);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_comes_during_a_cool_down_waits_for_its_end() {
    let permits = permits(10);
    let held = permits.semaphore.try_acquire_many(4).unwrap();
    let begin = Instant::now();
    let throttling = async {
        tokio::time::sleep(SECOND).await;
        permits.throttled("status_429", Some(SECOND * 9));
        drop(held);
    };
    let (asked, ()) = tokio::join!(ask(LookupKind::Link(&permits), &[]), throttling);
    assert_eq!((asked.outcome, begin.elapsed().as_secs()), (Outcome::Found, 10));
}
