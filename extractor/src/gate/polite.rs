//! A strategy that keeps to the [`Gate`], whatever the strategy within does.

use std::sync::Arc;

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;

use super::{Gate, LONGEST_HELD};
use crate::Strategy;
use crate::error::ExtractError;

/// How often a request is made that is answered 429 each time.
const TRIES: u32 = 3;

/// Asks when it may, and asks again after a short cool-down.
///
/// Only a 429 is repeated here: it is about the moment. A bot check, a captcha and a consent
/// page are about us, and will not be gone in a second.
#[derive(Debug)]
pub(crate) struct Polite {
    inner: Arc<dyn Strategy>,
    gate: Arc<Gate>,
}

impl Polite {
    pub(crate) fn new(inner: Arc<dyn Strategy>, gate: Arc<Gate>) -> Self {
        Self { inner, gate }
    }

    /// Asks once, and tells the gate how it went.
    async fn ask(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let slot = self.gate.enter().await?;
        let answer = self.inner.extract(video_id).await;
        match &answer {
            Err(ExtractError::Throttled { reason, retry_after }) => {
                let wait = self.gate.throttled(slot, reason, *retry_after);
                Err(ExtractError::Throttled { reason, retry_after: retry_after.or(Some(wait)) })
            }
            Ok(_) | Err(ExtractError::Refused(_) | ExtractError::Unreadable(_)) => {
                self.gate.succeeded(slot);
                answer
            }
            Err(_) => answer,
        }
    }
}

#[async_trait]
impl Strategy for Polite {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn is_last_resort(&self) -> bool {
        self.inner.is_last_resort()
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let mut tries = 1;
        loop {
            let answer = self.ask(video_id).await;
            match &answer {
                Err(ExtractError::Throttled { reason: "status_429", retry_after })
                    if tries < TRIES && retry_after.is_none_or(|wait| wait <= LONGEST_HELD) =>
                {
                    tries += 1;
                }
                _ => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::gate::GateSettings;
    use crate::strategies::untitled;

    /// Gives these answers, the last one first, and then succeeds.
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

    fn polite(answers: Vec<ExtractError>) -> Polite {
        let settings = GateSettings {
            max_concurrent: 8,
            cool_down_min: Duration::from_secs(1),
            cool_down_max: Duration::from_secs(300),
        };
        Polite::new(Arc::new(Script(Mutex::new(answers))), Arc::new(Gate::new(settings)))
    }

    async fn ask(polite: &Polite) -> (Result<Video, ExtractError>, u64) {
        let began = Instant::now();
        let answer = polite.extract(VideoId::parse("5fR9AHlSDtc").unwrap()).await;
        (answer, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_is_asked_again_after_the_cool_down() {
        let polite = polite(vec![throttled("status_429", Some(3)), throttled("status_429", None)]);
        let (answer, waited) = ask(&polite).await;
        assert!(answer.is_ok());
        assert_eq!(waited, 4, "one second of ours, three of theirs");
        assert_eq!(polite.gate.state().limit, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn after_three_times_the_asker_is_told_how_long_to_wait() {
        let polite = polite((0..9).map(|_| throttled("status_429", None)).collect());
        let (answer, waited) = ask(&polite).await;
        let error = answer.unwrap_err();
        let ExtractError::Throttled { retry_after, .. } = error else { panic!("{error}") };
        assert_eq!((retry_after, waited), (Some(Duration::from_secs(4)), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_and_what_is_about_us_are_handed_on_at_once_and_hold_everybody() {
        for error in [throttled("status_429", Some(60)), throttled("bot_check", Some(60))] {
            let polite = polite(vec![error]);
            for _ in 0..2 {
                let (answer, waited) = ask(&polite).await;
                let error = answer.unwrap_err();
                let ExtractError::Throttled { retry_after, .. } = error else { panic!("{error}") };
                assert_eq!((retry_after, waited), (Some(Duration::from_secs(60)), 0));
            }
            tokio::time::advance(Duration::from_secs(60)).await;
            assert!(ask(&polite).await.0.is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_of_another_kind_moves_nothing() {
        let polite = polite(vec![ExtractError::Status(503), ExtractError::Status(503)]);
        for _ in 0..2 {
            assert_eq!(ask(&polite).await.0.unwrap_err().code(), "bad_status");
        }
        assert_eq!((polite.gate.state().limit, polite.gate.state().cooling), (8, None));
    }
}
