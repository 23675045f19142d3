//! When an answer against a video counts: refusals, and videos that are throttled alone.

use std::collections::HashMap;
use std::sync::Mutex;

use futures::future::join_all;
use tokio::time::Instant;

use super::*;
use crate::gate::GateSettings;
use crate::strategies::untitled;

const SECOND: Duration = Duration::from_secs(1);

/// A YouTube that finds every video, but for what is set.
#[derive(Debug, Default)]
struct World {
    /// How requests for a video fail.
    by_id: Mutex<HashMap<VideoId, ExtractError>>,
    /// How requests for all other videos fail.
    others: Mutex<Option<ExtractError>>,
    /// How long an answer takes, if not the tenth of a second.
    latency: Mutex<HashMap<VideoId, Duration>>,
    canary_asked_at: Mutex<Vec<Instant>>,
}

#[derive(Debug, Clone, Default)]
struct Asker(Arc<World>);

#[async_trait]
impl Strategy for Asker {
    fn name(&self) -> &'static str {
        "asker"
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        if video_id == canary() {
            self.0.canary_asked_at.lock().unwrap().push(Instant::now());
        }
        let latency = self.0.latency.lock().unwrap().get(&video_id).copied();
        tokio::time::sleep(latency.unwrap_or(SECOND / 10)).await;
        let set = self.0.by_id.lock().unwrap().get(&video_id).cloned();
        match set.or_else(|| self.0.others.lock().unwrap().clone()) {
            Some(error) => Err(error),
            None => Ok(untitled()),
        }
    }
}

impl Asker {
    fn fail(&self, video_id: VideoId, error: ExtractError) {
        self.0.by_id.lock().unwrap().insert(video_id, error);
    }

    fn fail_all(&self, error: Option<ExtractError>) {
        *self.0.others.lock().unwrap() = error;
    }

    fn slow(&self, video_id: VideoId, latency: Duration) {
        self.0.latency.lock().unwrap().insert(video_id, latency);
    }

    fn canary_asked(&self) -> usize {
        self.0.canary_asked_at.lock().unwrap().len()
    }
}

fn canary() -> VideoId {
    VideoId::parse("jNQXAC9IVRw").unwrap()
}

fn id(number: usize) -> VideoId {
    VideoId::parse(&format!("v{number:010}")).unwrap()
}

fn refused() -> ExtractError {
    ExtractError::Refused(Refusal::Unavailable)
}

fn bot_check() -> ExtractError {
    ExtractError::Throttled { reason: "bot_check", retry_after: None }
}

/// Makes a strategy that asks each of these worlds by an exit of its own.
fn polite(worlds: &[&Asker], canary: Option<VideoId>) -> Polite {
    let settings = GateSettings {
        max_concurrent: 64 * worlds.len(),
        cool_down_min: SECOND,
        cool_down_max: SECOND * 300,
    };
    let names = (0..worlds.len()).map(|exit| exit.to_string()).collect();
    let by_exit = worlds.iter().map(|world| Arc::new((*world).clone()) as Arc<dyn Strategy>);
    let canary = canary.map(|video_id| Arc::new(Canary::new(video_id)));
    Polite::new(by_exit.collect(), Arc::new(Exits::new(names, settings)), canary)
}

/// Returns the error's code, or the reason of throttling; `found` for a video.
async fn ask(polite: &Polite, video_id: VideoId) -> &'static str {
    match polite.extract(video_id).await {
        Ok(_) => "found",
        Err(ExtractError::Throttled { reason, .. }) => reason,
        Err(error) => error.code(),
    }
}

/// Waits until a request may begin again.
async fn cool(polite: &Polite) {
    tokio::time::sleep(polite.exits.state().cooling.unwrap_or_default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_counts_once_the_canary_is_found() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    world.fail(id(1), refused());
    assert_eq!(ask(&polite, id(1)).await, "unavailable");
    assert_eq!((world.canary_asked(), polite.exits.state().cool_downs_total), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn when_the_canary_is_refused_as_well_the_refusal_is_throttling() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    world.fail_all(Some(refused()));
    for wave in 1..=3 {
        let begin = Instant::now();
        let answers = join_all((0..10).map(|number| ask(&polite, id(number)))).await;
        assert!(answers.iter().all(|answer| *answer == EVERYTHING_REFUSED), "{answers:?}");
        assert!(begin.elapsed() < SECOND * 2, "all get its answer: {:?}", begin.elapsed());
        assert_eq!(world.canary_asked(), wave, "one request for the canary for all of a wave");
        assert_eq!(polite.exits.state().cool_downs_total, wave as u64);
        cool(&polite).await;
    }
    // The canary's own link is refused as well.
    assert_eq!(ask(&polite, canary()).await, EVERYTHING_REFUSED);
    cool(&polite).await;
    world.fail_all(None);
    assert_eq!(ask(&polite, id(1)).await, "found");
}

#[tokio::test(start_paused = true)]
async fn the_canary_is_asked_for_at_most_once_a_second_by_all_exits() {
    let worlds = [Asker::default(), Asker::default()];
    let polite = polite(&[&worlds[0], &worlds[1]], Some(canary()));
    for world in &worlds {
        (0..8).for_each(|number| world.fail(id(number), refused()));
    }
    for _ in 0..3 {
        let answers = join_all((0..8).map(|number| ask(&polite, id(number)))).await;
        assert_eq!(answers, ["unavailable"; 8]);
    }
    let mut asked_at: Vec<Instant> = Vec::new();
    worlds.iter().for_each(|it| asked_at.extend(&*it.0.canary_asked_at.lock().unwrap()));
    asked_at.sort();
    assert_eq!(asked_at.len(), 6, "once for each exit and wave");
    assert!(asked_at.windows(2).all(|pair| pair[1] - pair[0] >= SECOND), "{asked_at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_video_found_by_a_later_request_makes_the_canary_needless_and_an_earlier_one_does_not() {
    for (begins_after, canary_asked) in [(Some(SECOND / 2), 0), (Some(SECOND / 8), 1), (None, 1)] {
        let world = Asker::default();
        let polite = polite(&[&world], Some(canary()));
        world.fail(id(1), refused());
        world.slow(id(1), SECOND / 4);
        // Found before the refusal is given up to wait for others.
        world.slow(id(2), SECOND);
        let third = async {
            tokio::time::sleep(begins_after?).await;
            Some(ask(&polite, id(3)).await)
        };
        let (refused, second, third) =
            tokio::join!(ask(&polite, id(1)), ask(&polite, id(2)), third);
        assert_eq!((refused, second), ("unavailable", "found"));
        assert_eq!(third, begins_after.map(|_| "found"));
        assert_eq!(world.canary_asked(), canary_asked, "{begins_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_for_slow_requests_no_longer_than_two_seconds() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    world.fail(id(1), refused());
    world.slow(id(2), SECOND * 15);
    let begin = Instant::now();
    let refused = async {
        assert_eq!(ask(&polite, id(1)).await, "unavailable");
        begin.elapsed()
    };
    let (_, waited) = tokio::join!(ask(&polite, id(2)), refused);
    assert_eq!((waited.as_secs(), world.canary_asked()), (2, 1));
}

/// Answers from the end of a limit, when videos are found again before they are judged.
#[tokio::test(start_paused = true)]
async fn a_refusal_within_a_limit_does_not_count_even_if_videos_are_found_right_after_it() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    world.fail_all(Some(refused()));
    assert_eq!(ask(&polite, id(1)).await, EVERYTHING_REFUSED);
    cool(&polite).await;
    // The limit ends while the refused request waits for the canary.
    let ending = async {
        tokio::time::sleep(SECOND / 8).await;
        world.fail_all(None);
    };
    let (answer, ()) = tokio::join!(ask(&polite, id(1)), ending);
    assert_eq!((answer, world.canary_asked()), (EVERYTHING_REFUSED, 2));
    cool(&polite).await;
    assert_eq!(ask(&polite, id(1)).await, "found");
    world.fail(id(1), refused());
    assert_eq!(ask(&polite, id(1)).await, "unavailable", "it counts again");
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_about_the_canary_the_refusal_is_not_confirmed() {
    for (canary_fails, code) in [
        (ExtractError::Status(503), "unconfirmed"),
        (ExtractError::Unreadable("odd".to_owned()), "unconfirmed"),
        (bot_check(), "bot_check"),
    ] {
        let world = Asker::default();
        let polite = polite(&[&world], Some(canary()));
        world.fail(id(1), refused());
        world.fail(canary(), canary_fails);
        assert_eq!(ask(&polite, id(1)).await, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_while_it_asks_for_the_canary_holds_up_no_other_one() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    (1..=2).for_each(|number| world.fail(id(number), refused()));
    world.slow(canary(), SECOND * 5);
    let leaving = tokio::time::timeout(SECOND, ask(&polite, id(1)));
    let (left, answer) = tokio::join!(leaving, ask(&polite, id(2)));
    assert!(left.is_err());
    assert_eq!((answer, world.canary_asked()), ("unavailable", 2));
}

#[tokio::test(start_paused = true)]
async fn without_a_canary_every_refusal_counts() {
    let world = Asker::default();
    let polite = polite(&[&world], None);
    world.fail_all(Some(refused()));
    assert_eq!(ask(&polite, id(1)).await, "unavailable");
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_refuses_everything_cools_down_alone_and_the_other_one_is_asked() {
    let (refusing, finding) = (Asker::default(), Asker::default());
    let polite = polite(&[&refusing, &finding], Some(canary()));
    refusing.fail_all(Some(refused()));
    for number in 0..5 {
        assert_eq!(ask(&polite, id(number)).await, "found");
    }
    let state = polite.exits.state();
    assert_eq!((state.resting, refusing.canary_asked(), finding.canary_asked()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn from_its_third_throttling_on_a_video_is_throttled_alone_if_others_were_found_between() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    world.fail(id(1), bot_check());
    let expected = ["bot_check", "bot_check", "throttled_alone", "throttled_alone"];
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(ask(&polite, id(1)).await, expected, "{number}");
        cool(&polite).await;
        assert_eq!(ask(&polite, id(2)).await, "found");
    }
    assert_eq!(polite.exits.state().cool_downs_total, 2, "the gate does not move any further");
    // Also once no other video is asked for: the canary is.
    assert_eq!(ask(&polite, id(1)).await, "throttled_alone");
    assert_eq!(world.canary_asked(), 3);
    // Once it is found, it begins from zero.
    world.0.by_id.lock().unwrap().clear();
    assert_eq!(ask(&polite, id(1)).await, "found");
    world.fail(id(1), bot_check());
    assert_eq!(ask(&polite, id(1)).await, "bot_check");
}

#[tokio::test(start_paused = true)]
async fn while_no_other_video_is_found_throttling_is_that_of_the_process() {
    let world = Asker::default();
    let polite = polite(&[&world], Some(canary()));
    world.fail_all(Some(bot_check()));
    for round in 0..9 {
        for number in 0..3 {
            assert_eq!(ask(&polite, id(number)).await, "bot_check", "{round}");
            cool(&polite).await;
        }
    }
    assert_eq!(world.canary_asked(), 0, "no video is suspected");
    // A suspected video, when all others are throttled as well.
    for _ in 0..2 {
        world.fail_all(None);
        assert_eq!(ask(&polite, id(7)).await, "found");
        world.fail_all(Some(bot_check()));
        assert_eq!(ask(&polite, id(1)).await, "bot_check");
        cool(&polite).await;
    }
    assert_eq!(ask(&polite, id(1)).await, "bot_check");
    assert!(world.canary_asked() > 0);
}
