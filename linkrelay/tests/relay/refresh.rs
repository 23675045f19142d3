use std::path::Path as Folder;
use std::process::Command;
use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::process::ProcessBuilder;
use linkrelay_testkit::wait::LONG;
use mongodb::bson::{DateTime, doc};
use serde_json::json;

use crate::helpers::{Said, binary, links, run, until_is, video_id};
use crate::role::{Role, stop, up};
use crate::site::{Site, count, youtube};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Sets how old the metadata of a video is.
async fn age(site: &Site, number: usize, days: u32) {
    let then = DateTime::from_system_time(std::time::SystemTime::now() - days * DAY);
    let change = doc! { "$set": { "extracted_at": then } };
    site.documents.update_many(doc! { "video_id": video_id(number) }, change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_videos_are_submitted_again_oldest_first_and_two_runs_double_nothing() {
    let site = Site::new().await;
    let (producer, consumer) = site.roles(&[], &[]).await;
    for posted in [0..5, 0..1] {
        let id = producer.post_valid(&json!(links(posted))).await;
        producer.until_nothing_is_pending(&id).await;
    }
    for (number, days) in [(0, 40), (1, 50), (2, 60), (3, 29)] {
        age(&site, number, days).await;
    }
    site.videos.delete_many(doc! {}).await.unwrap();
    assert_eq!(site.linkrelay(&["rebuild-videos"], &[]).code, Some(0));
    let url = producer.url();
    let refresh = |arguments: &[&str]| {
        let arguments = [&["refresh", "--older-than", "30d", "--rate", "100"], arguments].concat();
        let said = site.linkrelay(&arguments, &[("LINKRELAY_URL", &url)]);
        assert_eq!(said.code, Some(0), "{}", said.all());
        said.stdout
    };
    let asked = || [0, 1, 2, 3, 4].map(|number| site.fake.hits().video(&video_id(number)));
    let before = asked();

    let shown = refresh(&["--dry-run"]);
    let shown: Vec<&str> = shown.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(shown, [&video_id(2), &video_id(1), &video_id(0), "would"]);
    assert_eq!(asked(), before);

    assert_eq!(refresh(&["--limit", "1"]), "submitted 1, rejected 0\n");
    until_is("another document", 7, async || site.documents_count().await).await;
    assert_eq!(asked()[2], before[2] + 1, "YouTube is asked although the answer is cached");

    // Twice before any of them is complete.
    consumer.stop().await;
    for _ in 0..2 {
        assert_eq!(refresh(&[]), "submitted 2, rejected 0\n");
    }
    let consumer = site.ready_consumer(&[]).await;
    site.until_lag_is_zero().await;
    assert_eq!(site.documents_count().await, 9);
    let after = asked();
    assert!(after[0] > before[0] && after[1] > before[1], "{after:?} after {before:?}");
    assert_eq!(after[3..], before[3..]);
    assert_eq!(refresh(&[]), "submitted 0, rejected 0\n");
    stop([producer, consumer]).await;
}

/// Runs `linkrelay refresh` on the data of the embedded mode.
fn refresh(data: &Folder, relay: &Role, arguments: &[&str]) -> Said {
    let mut command = Command::new(binary("linkrelay"));
    command.args(["refresh", "--older-than", "0s", "--rate", "100"]).args(arguments);
    command.env("DATA_DIR", data).env("LINKRELAY_URL", relay.url()).env_remove("MONGODB_URI");
    run(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_private_by_now_is_submitted_again_only_on_request() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    let id = relay.post_valid(&json!(links(0..2))).await;
    relay.until_nothing_is_pending(&id).await;
    fake.set_failure(&video_id(0), Some(Failure::Private));
    let mut documents_count = 2;
    for (arguments, submitted) in [(&[][..], 2), (&[], 1), (&["--failed"], 2)] {
        let said = refresh(data.path(), &relay, arguments);
        assert_eq!(said.stdout, format!("submitted {submitted}, rejected 0\n"), "{}", said.all());
        // The second failure of the private one replaces the first.
        documents_count += if arguments.is_empty() { submitted } else { 1 };
        until_is("the documents", documents_count, async || count(data.path(), "document")).await;
        until_is("the journal to be empty", 0, async || count(data.path(), "journal")).await;
    }
    assert_eq!(relay.status(&id).await["stored"], 2, "the older documents stay");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_refresh_says_what_is_left_and_the_next_one_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::ZERO).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    let id = relay.post_valid(&json!(links(0..3))).await;
    relay.until_nothing_is_pending(&id).await;
    // The second one would be submitted in a thousand seconds.
    let mut process = ProcessBuilder::new("refresh", binary("linkrelay"))
        .args(["refresh", "--older-than", "0s", "--rate", "0.001"])
        .env("DATA_DIR", data.path().display().to_string())
        .env("LINKRELAY_URL", relay.url())
        .spawn()
        .unwrap();
    until_is("the first document", 4, async || count(data.path(), "document")).await;
    let status = process.terminate(LONG).await.unwrap();
    let (out, log) = (process.stdout().unwrap(), process.stderr().unwrap());
    assert_eq!((status.code(), &*out), (Some(1), "submitted 1, rejected 0\n"), "{log}");
    assert!(log.contains("interrupted; run it again for the 2 that are left"), "{log}");

    let asked = fake.hits().total;
    // Exactly the two: the metadata of the first one is newer.
    let said = refresh(data.path(), &relay, &["--limit", "2"]);
    assert_eq!(said.stdout, "submitted 2, rejected 0\n", "{}", said.all());
    until_is("all documents", 6, async || count(data.path(), "document")).await;
    let hits = fake.hits();
    assert_eq!(hits.total, asked + 2);
    assert_eq!([0, 1, 2].map(|number| hits.video(&video_id(number))), [2, 2, 2]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_named() {
    let data = tempfile::tempdir().unwrap();
    let missing = data.path().join("missing");
    for (arguments, named) in [
        (&["--older-than", "30d"][..], "DATA_DIR"),
        (&[], "--older-than"),
        (&["--older-than", "old"], "--older-than"),
        (&["--older-than", "100000years"], "--older-than"),
        (&["--older-than", "30d", "--rate", "0"], "--rate"),
        (&["--older-than", "30d", "--limit", "0"], "--limit"),
    ] {
        let mut command = Command::new(binary("linkrelay"));
        command.arg("refresh").args(arguments).env("DATA_DIR", &missing);
        let said = run(command.env_remove("MONGODB_URI"));
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.all());
        assert!(said.stderr.contains(named), "{arguments:?}: {}", said.all());
    }
    assert!(!missing.exists());
}
