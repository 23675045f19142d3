//! Wraps a strategy so that its requests keep to the gates.

#[cfg(test)]
mod proofs;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;

use super::LONGEST_HELD;
use super::alone::ThrottledVideos;
use super::canary::{Canary, Doubted};
use super::evidence::{CanaryFailure, Evidence, Moments};
use super::exits::{ExitSlot, Exits};
use crate::Strategy;
use crate::error::{EVERYTHING_REFUSED, ExtractError, Refusal};

/// How often a request is made through the same exit if each is answered with 429.
const TRIES: usize = 3;

/// A strategy that begins a request only when a gate permits it, and repeats a throttled one after
/// a short cool-down, or immediately if another exit is open.
///
/// Only a 429 is repeated after a cool-down, because it is temporary. A bot check, a captcha and a
/// consent page are about the client's address and last longer.
///
/// An answer against one video counts only with the proof that YouTube finds other videos: without
/// it, a refusal is throttling. A video that is throttled again and again, with this proof, is
/// throttled alone: the gate does not move.
#[derive(Debug)]
pub(crate) struct Polite {
    /// The strategy through each exit, in the order of the exits.
    by_exit: Vec<Arc<dyn Strategy>>,
    exits: Arc<Exits>,
    /// What the answers by each exit prove, in the same order.
    evidence: Vec<Evidence>,
    throttled_videos: ThrottledVideos,
    /// `None` to believe every refusal.
    canary: Option<Arc<Canary>>,
}

impl Polite {
    /// Wraps the same strategy through each of these exits; there must be at least one.
    pub(crate) fn new(
        by_exit: Vec<Arc<dyn Strategy>>,
        exits: Arc<Exits>,
        canary: Option<Arc<Canary>>,
    ) -> Self {
        let moments = Moments::default();
        let evidence = by_exit.iter().map(|_| Evidence::new(moments.clone())).collect();
        let throttled_videos = ThrottledVideos::new(moments);
        Self { by_exit, exits, evidence, throttled_videos, canary }
    }

    /// Asks once, and reports the outcome to the gate. Returns `None` if the request may be
    /// repeated: immediately through another exit, or after a short wait.
    async fn ask(&self, video_id: VideoId, tries: usize) -> Result<Option<Video>, ExtractError> {
        let pass = self.exits.enter().await?;
        let exit = pass.exit;
        let asking = self.evidence[exit].begin();
        let answer = self.by_exit[exit].extract(video_id).await;
        if answer.is_ok() {
            asking.found();
            self.throttled_videos.forget(video_id);
        }
        let (began, answered) = (asking.began, self.evidence[exit].now());
        let doubted = Doubted { video_id, began, answered };
        drop(asking);
        match answer {
            Err(ExtractError::Throttled { reason, retry_after }) => {
                if self.is_throttled_alone(exit, doubted).await {
                    return Err(ExtractError::ThrottledAlone { reason });
                }
                self.throttled(pass, tries, reason, retry_after)
            }
            Err(ExtractError::Refused(refusal)) => {
                self.refused(pass, tries, doubted, refusal).await
            }
            Err(ExtractError::Proxy(error)) if self.may_go_elsewhere(exit, tries) => {
                // Only with another exit open: otherwise the failure may not be this exit's.
                self.exits.is_blocked(exit, &error);
                Ok(None)
            }
            Ok(_) | Err(ExtractError::Unreadable(_)) => {
                self.exits.succeeded(pass);
                answer.map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the refusal if it counts, and otherwise the error that it shows instead.
    async fn refused(
        &self,
        pass: ExitSlot,
        tries: usize,
        doubted: Doubted,
        refusal: Refusal,
    ) -> Result<Option<Video>, ExtractError> {
        match self.finds_others(pass.exit, doubted).await {
            Ok(()) => {
                self.throttled_videos.forget(doubted.video_id);
                self.exits.succeeded(pass);
                Err(ExtractError::Refused(refusal))
            }
            Err(CanaryFailure::Refused) => self.throttled(pass, tries, EVERYTHING_REFUSED, None),
            Err(CanaryFailure::Throttled { reason, retry_after }) => {
                self.throttled(pass, tries, reason, retry_after)
            }
            Err(CanaryFailure::Failed(canary)) => {
                Err(ExtractError::Unconfirmed { refusal, canary })
            }
        }
    }

    /// Whether a throttled request is the failure of its video, and not of the exit.
    async fn is_throttled_alone(&self, exit: usize, doubted: Doubted) -> bool {
        self.throttled_videos.note(doubted.video_id, &self.evidence[exit])
            && self.finds_others(exit, doubted).await.is_ok()
    }

    async fn finds_others(&self, exit: usize, doubted: Doubted) -> Result<(), CanaryFailure> {
        let Some(canary) = &self.canary else { return Ok(()) };
        canary.finds_others(doubted, &self.evidence[exit], self.by_exit[exit].as_ref()).await
    }

    fn throttled(
        &self,
        pass: ExitSlot,
        tries: usize,
        reason: &'static str,
        retry_after: Option<Duration>,
    ) -> Result<Option<Video>, ExtractError> {
        let exit = pass.exit;
        let wait = self.exits.throttled(pass, reason, retry_after);
        let wait = retry_after.unwrap_or(wait);
        let wait = self.exits.elsewhere(exit).map_or(wait, |elsewhere| elsewhere.min(wait));
        let is_short = reason == "status_429" && tries < TRIES && wait <= LONGEST_HELD;
        if is_short || self.may_go_elsewhere(exit, tries) {
            return Ok(None);
        }
        Err(ExtractError::Throttled { reason, retry_after: Some(wait) })
    }

    fn may_go_elsewhere(&self, exit: usize, tries: usize) -> bool {
        let is_another_open = self.exits.elsewhere(exit).is_some_and(|wait| wait.is_zero());
        is_another_open && tries < TRIES + self.by_exit.len() - 1
    }
}

#[async_trait]
impl Strategy for Polite {
    fn name(&self) -> &'static str {
        self.by_exit[0].name()
    }

    fn is_last_resort(&self) -> bool {
        self.by_exit[0].is_last_resort()
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let mut tries = 1;
        loop {
            if let Some(video) = self.ask(video_id, tries).await? {
                return Ok(video);
            }
            tries += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;
    use crate::gate::GateSettings;
    use crate::strategies::untitled;

    /// Returns these errors, the last one first, and then succeeds.
    #[derive(Debug)]
    struct Script(Mutex<Vec<ExtractError>>);

    #[async_trait]
    impl Strategy for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        async fn extract(&self, _video_id: VideoId) -> Result<Video, ExtractError> {
            self.0.lock().unwrap().pop().map_or_else(|| Ok(untitled()), Err)
        }
    }

    fn throttled(reason: &'static str, seconds: Option<u64>) -> ExtractError {
        ExtractError::Throttled { reason, retry_after: seconds.map(Duration::from_secs) }
    }

    fn script(answers: Vec<ExtractError>) -> Arc<dyn Strategy> {
        Arc::new(Script(Mutex::new(answers)))
    }

    fn settings() -> GateSettings {
        GateSettings {
            max_concurrent: 8,
            cool_down_min: Duration::from_secs(1),
            cool_down_max: Duration::from_secs(300),
        }
    }

    /// Makes a strategy with an exit for each of these scripts.
    fn with_scripts<const EXITS: usize>(scripts: [Vec<ExtractError>; EXITS]) -> Polite {
        let names = (0..EXITS).map(|exit| exit.to_string()).collect();
        let exits = Exits::new(names, settings());
        Polite::new(scripts.map(script).to_vec(), Arc::new(exits), None)
    }

    fn retry_after(answer: Result<Video, ExtractError>) -> Option<Duration> {
        let error = answer.unwrap_err();
        let ExtractError::Throttled { retry_after, .. } = error else { panic!("{error}") };
        retry_after
    }

    async fn ask(polite: &Polite) -> (Result<Video, ExtractError>, u64) {
        let began = Instant::now();
        let answer = polite.extract(VideoId::parse("5fR9AHlSDtc").unwrap()).await;
        (answer, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_is_asked_again_after_the_cool_down() {
        let polite =
            with_scripts([vec![throttled("status_429", Some(3)), throttled("status_429", None)]]);
        let (answer, waited) = ask(&polite).await;
        assert!(answer.is_ok());
        assert_eq!(waited, 4, "one second of the setting, three of Retry-After");
        assert_eq!(polite.exits.state().limit, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn after_three_tries_the_error_says_how_long_to_wait() {
        let polite = with_scripts([(0..9).map(|_| throttled("status_429", None)).collect()]);
        let (answer, waited) = ask(&polite).await;
        assert_eq!((retry_after(answer), waited), (Some(Duration::from_secs(4)), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_and_a_bot_check_are_returned_immediately_and_hold_all_requests() {
        for error in [throttled("status_429", Some(60)), throttled("bot_check", Some(60))] {
            let polite = with_scripts([vec![error]]);
            for _ in 0..2 {
                let (answer, waited) = ask(&polite).await;
                assert_eq!((retry_after(answer), waited), (Some(Duration::from_secs(60)), 0));
            }
            tokio::time::advance(Duration::from_secs(60)).await;
            assert!(ask(&polite).await.0.is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_of_another_kind_moves_nothing() {
        let polite = with_scripts([vec![ExtractError::Status(503), ExtractError::Status(503)]]);
        for _ in 0..2 {
            assert_eq!(ask(&polite).await.0.unwrap_err().code(), "bad_status");
        }
        assert_eq!((polite.exits.state().limit, polite.exits.state().cooling), (8, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_throttled_at_one_exit_uses_the_other_immediately() {
        for reason in ["status_429", "bot_check"] {
            let polite = with_scripts([vec![throttled(reason, Some(60))], vec![]]);
            for _ in 0..4 {
                let (answer, waited) = ask(&polite).await;
                assert!(answer.is_ok() && waited == 0, "{answer:?} after {waited} s");
            }
            let state = polite.exits.state();
            assert_eq!((state.resting, state.cooling, state.cool_downs_total), (1, None, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_every_exit_is_throttled_the_shorter_wait_is_returned() {
        let polite = with_scripts([
            vec![throttled("bot_check", Some(60))],
            vec![throttled("bot_check", Some(20))],
        ]);
        let (answer, waited) = ask(&polite).await;
        assert_eq!((retry_after(answer), waited), (Some(Duration::from_secs(20)), 0));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(ask(&polite).await.0.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_proxy_cools_down_unless_it_is_the_last() {
        let nowhere = || ExtractError::Proxy("refused".to_owned());
        let polite = with_scripts([vec![nowhere()], vec![]]);
        assert!(ask(&polite).await.0.is_ok());
        assert_eq!(polite.exits.state().resting, 1);
        let polite = with_scripts([vec![nowhere(), nowhere()], vec![nowhere(), nowhere()]]);
        assert_eq!(ask(&polite).await.0.unwrap_err().code(), "proxy");
        assert_eq!(polite.exits.state().resting, 1, "the last exit does not cool down");
    }
}
