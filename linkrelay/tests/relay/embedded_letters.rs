use std::process::Command;
use std::time::Duration;

use linkrelay_fake_youtube::{Failure, FakeYouTube};
use linkrelay_testkit::wait::{LONG, ok_if, wait_for};
use serde_json::{Value, json};

use crate::helpers::{binary, link, links, run, until, video_id};
use crate::role::{Role, up};
use crate::site::{count, youtube};

/// A folder for the embedded mode, and a YouTube that outlives it.
struct Embedded {
    data: tempfile::TempDir,
    fake: FakeYouTube,
    env: Vec<(&'static str, String)>,
}

impl Embedded {
    async fn new() -> Self {
        let (fake, youtube) = youtube(Duration::ZERO).await;
        let mut env = youtube[..2].to_vec();
        env.push(("MAX_ATTEMPTS", "1".to_owned()));
        env.push(("EXTRACTORS", "watch_page".to_owned()));
        Self { data: tempfile::tempdir().unwrap(), fake, env }
    }

    async fn up(&self) -> Role {
        up(self.data.path(), &[], &self.env).ready().await
    }

    fn fail(&self, numbers: std::ops::Range<usize>, failure: Option<Failure>) {
        for number in numbers {
            self.fake.set_failure(&video_id(number), failure);
        }
    }

    /// The standard output of `dlq`, which must succeed.
    fn dlq(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(binary("linkrelay"));
        command.arg("dlq").args(arguments).env("DATA_DIR", self.data.path());
        let said = run(command.env_remove("KAFKA_BROKERS").env_remove("MONGODB_URI"));
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout
    }

    fn dead_letters(&self) -> Vec<Value> {
        let said = self.dlq(&["list", "--json"]);
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Forty links, the first of which fail; returns the request's id.
    async fn give_up(&self, relay: &Role, failing: std::ops::Range<usize>) -> String {
        self.fail(failing, Some(Failure::ServerError));
        let id = relay.post_valid(&json!(links(0..40))).await;
        relay.until_nothing_is_pending(&id).await;
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_dead_letters_outlive_a_kill_and_are_replayed_while_up_runs() {
    let embedded = Embedded::new().await;
    let relay = embedded.up().await;
    let id = embedded.give_up(&relay, 0..3).await;
    assert_eq!(embedded.dead_letters().len(), 3);
    // Its drop kills the process.
    drop(relay);
    let letters = embedded.dead_letters();
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter["request_id"] == *id), "{letters:?}");

    let relay = embedded.up().await;
    embedded.fail(0..3, None);
    assert_eq!(embedded.dlq(&["replay", "--all"]), "replayed 3, skipped 0\n");
    relay.until_stored(&id, 40).await;
    until("the marks of the replays to be removed", async || {
        let said = embedded.dlq(&["replay", "--all"]);
        ok_if(said == "replayed 0, skipped 3: 3 stored already\n", said)
    })
    .await;
    assert_eq!(count(embedded.data.path(), "document"), 40);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_replay_is_taken_at_the_next_start_and_again_after_a_kill() {
    let embedded = Embedded::new().await;
    let relay = embedded.up().await;
    let id = embedded.give_up(&relay, 0..3).await;
    relay.stop().await;
    assert_eq!(embedded.dlq(&["replay", "--all"]), "replayed 3, skipped 0\n");
    let again = "replayed 0, skipped 3: 3 still under way\n";
    assert_eq!(embedded.dlq(&["replay", "--all"]), again);

    // YouTube has been asked for them, and has not answered, when the process is killed.
    embedded.fail(0..3, Some(Failure::Hang));
    let before = embedded.fake.hits().total;
    let relay = embedded.up().await;
    until("the replays to be asked for", async || {
        let asked = embedded.fake.hits().total;
        ok_if(asked >= before + 3, format!("{asked} after {before}"))
    })
    .await;
    drop(relay);
    assert_eq!(embedded.dlq(&["replay", "--all"]), again);

    embedded.fail(0..3, None);
    let relay = embedded.up().await;
    relay.until_stored(&id, 40).await;
    assert_eq!(count(embedded.data.path(), "document"), 40);
    assert_eq!(count(embedded.data.path(), "journal"), 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_fails_again_is_a_new_letter_that_counts_and_ends_at_the_limit() {
    let embedded = Embedded::new().await;
    let relay = embedded.up().await;
    embedded.give_up(&relay, 0..1).await;
    for replays in 1..=2 {
        let valid: Vec<String> = (0..20).map(|number| link(1_000 * replays + number)).collect();
        let id = relay.post_valid(&json!(valid)).await;
        relay.until_nothing_is_pending(&id).await;
        let said = embedded.dlq(&["replay", "--all", "--max-replays", "2"]);
        assert!(said.starts_with("replayed 1, "), "{said}");
        wait_for("it to fail again", LONG, Duration::from_millis(200), async || {
            let letters = embedded.dead_letters();
            ok_if(letters.last().unwrap()["replays"] == replays, format!("{letters:?}"))
        })
        .await
        .unwrap();
    }
    let said = embedded.dlq(&["replay", "--all", "--max-replays", "2"]);
    let expected = "replayed 0, skipped 3: 2 older than another of the same document, 1 replayed too often (--max-replays)\n";
    assert_eq!(said, expected);
    relay.stop().await;
}
