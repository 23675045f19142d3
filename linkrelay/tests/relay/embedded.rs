use std::process::Command;
use std::time::Duration;

use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};

use crate::helpers::{binary, links, nowhere, run, until};
use crate::role::up;
use crate::site::{count, youtube};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_reads_where_it_listens_and_what_to_try() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    let said = relay.process().unwrap().stdout().unwrap();
    let command = format!("curl -sS {}/links/send-message-kafka", relay.url());
    assert!(said.contains(&command), "{said}");
    let log = relay.process().unwrap().stderr().unwrap();
    assert!(log.contains(&format!("linkrelay is up on {}", relay.url())), "{log}");
    for noise in ["CONFWARN", "WARN", "\u{1b}"] {
        assert!(!log.contains(noise), "{noise:?} in {log}");
    }
    // The port is taken now.
    let addr = relay.addr().to_string();
    let second = tempfile::tempdir().unwrap();
    for (setting, free) in [("HTTP_ADDR", "EXTRACTOR_ADDR"), ("EXTRACTOR_ADDR", "HTTP_ADDR")] {
        let mut command = Command::new(binary("linkrelay"));
        command.args(["up", "--demo"]).env("DATA_DIR", second.path());
        let said = run(command.env(setting, &addr).env(free, nowhere()));
        let wanted = format!("{setting}: cannot listen on {addr}: another program does; stop it");
        assert!(said.stderr.contains(&wanted) && said.code == Some(1), "{}", said.all());
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_serves_the_whole_pipeline() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(
        data.path(),
        &["--demo", "--consumers", "2"],
        &[("HEARTBEAT_INTERVAL", "1s".to_owned())],
    )
    .ready()
    .await;
    let id = relay.post_valid(&json!("https://www.youtube.com/watch?v=5fR9AHlSDtc")).await;
    let status = relay.until_nothing_is_pending(&id).await;
    assert_eq!(status["stored"], 1);
    assert_eq!(status["links"][0]["video_id"], "5fR9AHlSDtc");
    assert!(status["links"][0]["title"].is_string(), "{status}");
    let thumbnail = reqwest::get(format!("{}/videos/5fR9AHlSDtc/thumbnail", relay.url()));
    let thumbnail = thumbnail.await.unwrap();
    assert_eq!(
        (thumbnail.status().as_u16(), &thumbnail.headers()["content-type"]),
        (200, &"image/png".parse().unwrap())
    );
    assert!(data.path().join("thumbnails").join("5fR9AHlSDtc").exists());
    // The embedded broker has no admin client, and tells no owner: the heartbeats do.
    until("the commit, and the owners", async || {
        let (status, lag) = relay.get("/lag").await;
        let lag: Value = serde_json::from_str(&lag).unwrap();
        let partitions = lag["partitions"].as_array().cloned().unwrap_or_default();
        let is_known = |row: &Value| row["owner"].is_string() && row["error"].is_null();
        let is_done = status == 200 && lag["lag"] == 0 && partitions.iter().all(is_known);
        ok_if(is_done && !partitions.is_empty(), lag)
    })
    .await;
    until("the extractor's metrics", async || {
        let text = relay.metrics().await;
        let is_there = [
            r#"linkrelay_strategy_breaker_state{strategy="watch_page"} 0"#,
            "linkrelay_fetch_limit 64",
            r#"linkrelay_extractor_answers_total{from="question"} 1"#,
        ]
        .iter()
        .all(|line| text.lines().any(|found| found == *line));
        ok_if(is_there, text)
    })
    .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_answered_201() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = youtube(Duration::from_millis(200)).await;
    let relay = up(data.path(), &[], &youtube).ready().await;
    let mut ids = Vec::new();
    for request in 0..20 {
        ids.push(relay.post_valid(&json!(links(request * 100..(request + 1) * 100))).await);
    }
    until("extractions", async || {
        let hits = fake.hits().total;
        ok_if(hits > 50, hits)
    })
    .await;
    // Its drop kills the process.
    drop(relay);

    let relay = up(data.path(), &[], &youtube).ready().await;
    let mut stored = 0;
    for id in &ids {
        stored += relay.until_nothing_is_pending(id).await["stored"].as_u64().unwrap();
    }
    assert_eq!(stored, 2_000);
    // The ids are the table's key, so a double would show as another id.
    assert_eq!(count(data.path(), "document"), 2_000);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_an_expansion_loses_none_of_its_videos() {
    let data = tempfile::tempdir().unwrap();
    let (_fake, youtube) = youtube(Duration::from_millis(100)).await;
    let playlist = |number| format!("https://www.youtube.com/playlist?list=PLlist{number}_300");
    let lists: Vec<String> = (0..10).map(playlist).collect();
    let mut relay = up(data.path(), &[], &youtube).ready().await;
    let id = relay.post_valid(&json!(lists)).await;
    // One after the other, so that kills hit all the steps of an expansion.
    for total_at_least in [310, 1_210, 3_010] {
        until("the next lists to be expanded", async || {
            let total = relay.status(&id).await["total"].clone();
            ok_if(total.as_u64() >= Some(total_at_least), total)
        })
        .await;
        drop(relay);
        relay = up(data.path(), &[], &youtube).ready().await;
    }
    let status = relay.until_nothing_is_pending(&id).await;
    let counts = ["total", "stored", "failed", "expanded"].map(|name| status[name].as_u64());
    assert_eq!(counts, [3_010, 3_000, 0, 10].map(Some));
    assert_eq!(count(data.path(), "document"), 3_010);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_takes_playlists_and_writes_to_no_other_folder() {
    let data = tempfile::tempdir().unwrap();
    // A container with a read-only root has none for temporary files.
    let relay = up(data.path(), &["--demo"], &[("TMPDIR", "/nowhere".to_owned())]).ready().await;
    let id = relay.post_valid(&json!("youtube.com/playlist?list=PLdemo_20")).await;
    let status = relay.until_nothing_is_pending(&id).await;
    assert_eq!((&status["stored"], &status["expanded"]), (&json!(20), &json!(1)), "{status}");
    relay.stop().await;
}
