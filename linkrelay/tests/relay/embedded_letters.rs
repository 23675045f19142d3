use std::path::Path;
use std::process::Command;
use std::time::Duration;

use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::{Value, json};

use crate::site::{Role, link, video_id};

/// A folder for the embedded mode, and a YouTube that outlives it.
struct Embedded {
    data: tempfile::TempDir,
    fake: FakeYouTube,
}

impl Embedded {
    async fn new() -> Self {
        let fake = FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap();
        Self { data: tempfile::tempdir().unwrap(), fake }
    }

    async fn up(&self) -> Role {
        let extractor_addr = format!("127.0.0.1:{}", free_port().unwrap());
        let env = [
            ("DATA_DIR", self.data.path().display().to_string()),
            ("EXTRACTOR_ADDR", extractor_addr),
            ("YOUTUBE_BASE_URL", self.fake.base_url()),
            ("YOUTUBE_CA_CERT", self.fake.ca_cert_path().display().to_string()),
            ("MAX_ATTEMPTS", "1".to_owned()),
            ("EXTRACTORS", "watch_page".to_owned()),
        ];
        let relay = Role::spawn("linkrelay", &["up"], "HTTP_ADDR", env);
        relay.until_ready().await;
        relay
    }

    fn fail(&self, numbers: std::ops::Range<usize>, failure: Option<Failure>) {
        for number in numbers {
            self.fake.set_failure(&video_id(number), failure);
        }
    }

    /// What `dlq` said on standard output; it must have gone well.
    fn dlq(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(workspace_binary("linkrelay").unwrap());
        command.arg("dlq").args(arguments).env("DATA_DIR", self.data.path());
        command.env_remove("KAFKA_BROKERS").env_remove("MONGODB_URI");
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    fn letters(&self) -> Vec<Value> {
        let said = self.dlq(&["list", "--json"]);
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How often YouTube was asked.
    fn asked(&self) -> u64 {
        self.fake.hits().total
    }
}

/// Rows of a table of the file.
fn count(data: &Path, table: &str) -> i64 {
    let file = rusqlite::Connection::open(data.join("linkrelay.sqlite")).unwrap();
    file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// Links of which these few fail, among enough good ones.
async fn give_up(embedded: &Embedded, relay: &Role, failing: std::ops::Range<usize>) -> String {
    embedded.fail(failing, Some(Failure::ServerError));
    let links: Vec<String> = (0..40).map(link).collect();
    let id = relay.post_good(&json!(links)).await;
    relay.until_nothing_is_pending(&id).await;
    id
}

async fn until_stored(relay: &Role, id: &str, wanted: u64) {
    let stored = wait_for("the replayed links to be stored", LONG, SHORT, async || {
        let status = relay.status(id).await;
        if status["stored"] == wanted { Ok(()) } else { Err(status.to_string()) }
    });
    let stored = stored.await;
    assert!(stored.is_ok(), "{stored:?}\n{}", relay.process.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_dead_letters_outlive_a_kill_and_are_replayed_while_up_runs() {
    let embedded = Embedded::new().await;
    let mut relay = embedded.up().await;
    let id = give_up(&embedded, &relay, 0..3).await;
    assert_eq!(embedded.letters().len(), 3);
    relay.process.kill().unwrap();
    drop(relay);
    let letters = embedded.letters();
    assert_eq!(letters.len(), 3);
    assert!(letters.iter().all(|letter| letter["request_id"] == *id), "{letters:?}");

    let relay = embedded.up().await;
    embedded.fail(0..3, None);
    assert_eq!(embedded.dlq(&["replay", "--all"]), "replayed 3, skipped 0\n");
    until_stored(&relay, &id, 40).await;
    wait_for("the marks to be gone", LONG, SHORT, async || {
        let said = tokio::task::block_in_place(|| embedded.dlq(&["replay", "--all"]));
        if said == "replayed 0, skipped 3: 3 stored already\n" { Ok(()) } else { Err(said) }
    })
    .await
    .unwrap();
    assert_eq!(count(embedded.data.path(), "document"), 40);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_replay_is_taken_at_the_next_start_and_again_after_a_kill() {
    let embedded = Embedded::new().await;
    let relay = embedded.up().await;
    let id = give_up(&embedded, &relay, 0..3).await;
    relay.stop().await;
    assert_eq!(embedded.dlq(&["replay", "--all"]), "replayed 3, skipped 0\n");
    let again = "replayed 0, skipped 3: 3 still under way\n";
    assert_eq!(embedded.dlq(&["replay", "--all"]), again);

    // Under way, and asked for, when it is killed.
    embedded.fail(0..3, Some(Failure::Hang));
    let before = embedded.asked();
    let mut relay = embedded.up().await;
    wait_for("the replays to be asked for", LONG, SHORT, async || match embedded.asked() {
        asked if asked >= before + 3 => Ok(()),
        asked => Err(format!("{asked} after {before}")),
    })
    .await
    .unwrap();
    relay.process.kill().unwrap();
    drop(relay);
    assert_eq!(embedded.dlq(&["replay", "--all"]), again);

    embedded.fail(0..3, None);
    let relay = embedded.up().await;
    until_stored(&relay, &id, 40).await;
    assert_eq!(count(embedded.data.path(), "document"), 40);
    assert_eq!(count(embedded.data.path(), "journal"), 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_fails_again_is_a_new_letter_that_counts_and_ends_at_the_limit() {
    let embedded = Embedded::new().await;
    let relay = embedded.up().await;
    give_up(&embedded, &relay, 0..1).await;
    for replays in 1..=2 {
        let good: Vec<String> = (0..20).map(|number| link(1_000 * replays + number)).collect();
        let id = relay.post_good(&json!(good)).await;
        relay.until_nothing_is_pending(&id).await;
        let said = embedded.dlq(&["replay", "--all", "--max-replays", "2"]);
        assert!(said.starts_with("replayed 1, "), "{said}");
        wait_for("it to fail again", LONG, Duration::from_millis(200), async || {
            let letters = tokio::task::block_in_place(|| embedded.letters());
            let newest = letters.last().unwrap()["replays"].clone();
            if newest == replays { Ok(()) } else { Err(format!("{letters:?}")) }
        })
        .await
        .unwrap();
    }
    let said = embedded.dlq(&["replay", "--all", "--max-replays", "2"]);
    let expected = "replayed 0, skipped 3: 2 older than another of the same document, 1 replayed too often (--max-replays)\n";
    assert_eq!(said, expected);
    relay.stop().await;
}
