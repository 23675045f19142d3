use std::path::Path;
use std::time::Duration;

use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::json;

use crate::site::{Role, link};

pub(crate) fn up(data: &Path, arguments: &[&str], more: &[(&'static str, String)]) -> Role {
    let extractor_addr = format!("127.0.0.1:{}", free_port().unwrap());
    let env = [("DATA_DIR", data.display().to_string()), ("EXTRACTOR_ADDR", extractor_addr)];
    Role::spawn(
        "linkrelay",
        &[&["up"], arguments].concat(),
        "HTTP_ADDR",
        env.into_iter().chain(more.to_vec()),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_reads_where_it_listens_and_what_to_try() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]);
    relay.until_ready().await;
    let said = relay.process.stdout().unwrap();
    let command = format!("curl -sS {}/links/send-message-kafka", relay.url);
    assert!(said.contains(&command), "{said}");
    let log = relay.process.stderr().unwrap();
    assert!(log.contains(&format!("linkrelay is up on {}", relay.url)), "{log}");
    for noise in ["CONFWARN", "WARN", "\u{1b}"] {
        assert!(!log.contains(noise), "{noise:?} in {log}");
    }
    // The port is taken now.
    let addr = relay.addr().to_owned();
    let second = tempfile::tempdir().unwrap();
    for (setting, free) in [("HTTP_ADDR", "EXTRACTOR_ADDR"), ("EXTRACTOR_ADDR", "HTTP_ADDR")] {
        let mut command = std::process::Command::new(workspace_binary("linkrelay").unwrap());
        command.args(["up", "--demo"]).env("DATA_DIR", second.path());
        command.env(setting, &addr).env(free, "127.0.0.1:0");
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let wanted = format!("{setting}: cannot listen on {addr}: another program does; stop it");
        assert!(said.contains(&wanted) && output.status.code() == Some(1), "{said}");
    }
    relay.stop().await;
}

/// A YouTube that outlives linkrelay's process, and the settings that lead to it.
pub(crate) async fn slow_youtube(latency: Duration) -> (FakeYouTube, [(&'static str, String); 3]) {
    let settings = FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() };
    let fake = FakeYouTube::start(settings).await.unwrap();
    let env = [
        ("YOUTUBE_BASE_URL", fake.base_url()),
        ("YOUTUBE_CA_CERT", fake.ca_cert_path().display().to_string()),
        ("YOUTUBE_API_KEY", "a-key".to_owned()),
    ];
    (fake, env)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_serves_the_whole_pipeline() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo", "--consumers", "2"], &[]);
    relay.until_ready().await;
    let id = relay.post_good(&json!("https://www.youtube.com/watch?v=5fR9AHlSDtc")).await;
    let status = relay.until_nothing_is_pending(&id).await;
    assert_eq!(status["stored"], 1);
    assert_eq!(status["links"][0]["video_id"], "5fR9AHlSDtc");
    assert!(status["links"][0]["title"].is_string(), "{status}");
    wait_for("the extractor to be seen on /metrics", LONG, SHORT, async || {
        let text = relay.metrics().await;
        let is_seen = [
            r#"linkrelay_strategy_breaker_state{strategy="watch_page"} 0"#,
            "linkrelay_fetch_limit 64",
            r#"linkrelay_extractor_answers_total{from="question"} 1"#,
        ]
        .iter()
        .all(|line| text.lines().any(|found| found == *line));
        if is_seen { Ok(()) } else { Err(text) }
    })
    .await
    .unwrap();
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_that_was_answered_201() {
    let data = tempfile::tempdir().unwrap();
    let (fake, youtube) = slow_youtube(Duration::from_millis(200)).await;
    let mut relay = up(data.path(), &[], &youtube);
    relay.until_ready().await;
    let mut ids = Vec::new();
    for request in 0..20 {
        let links: Vec<String> = (request * 100..(request + 1) * 100).map(link).collect();
        ids.push(relay.post_good(&json!(links)).await);
    }
    wait_for("extraction to be under way", LONG, SHORT, async || {
        let hits = fake.hits().total;
        if hits > 50 { Ok(()) } else { Err(format!("{hits} hits")) }
    })
    .await
    .unwrap();
    relay.process.kill().unwrap();
    drop(relay);

    let relay = up(data.path(), &[], &youtube);
    let mut stored = 0;
    for id in &ids {
        stored += relay_status(&relay, id).await;
    }
    assert_eq!(stored, 2_000);
    assert_eq!(documents_count(data.path()), 2_000);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_an_expansion_loses_none_of_its_videos() {
    let data = tempfile::tempdir().unwrap();
    let (_fake, youtube) = slow_youtube(Duration::from_millis(100)).await;
    let playlist = |number| format!("https://www.youtube.com/playlist?list=PLlist{number}_300");
    let lists: Vec<String> = (0..10).map(playlist).collect();
    let mut relay = up(data.path(), &[], &youtube);
    relay.until_ready().await;
    let id = relay.post_good(&json!(lists)).await;
    // One after the other, so that kills meet all the steps of an expansion.
    for total_at_least in [310, 1_210, 3_010] {
        wait_for("the next lists to be expanded", LONG, SHORT, async || {
            let status = relay.status(&id).await;
            let is_there = status["total"].as_u64() >= Some(total_at_least);
            if is_there { Ok(()) } else { Err(status["total"].to_string()) }
        })
        .await
        .unwrap();
        relay.process.kill().unwrap();
        drop(relay);
        relay = up(data.path(), &[], &youtube);
        relay.until_ready().await;
    }
    let status = relay.until_nothing_is_pending(&id).await;
    let counts = ["total", "stored", "failed", "expanded"].map(|name| status[name].as_u64());
    assert_eq!(counts, [3_010, 3_000, 0, 10].map(Some));
    assert_eq!(documents_count(data.path()), 3_010);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_takes_playlists() {
    let data = tempfile::tempdir().unwrap();
    let relay = up(data.path(), &["--demo"], &[]);
    relay.until_ready().await;
    let id = relay.post_good(&json!("youtube.com/playlist?list=PLdemo_20")).await;
    let status = relay.until_nothing_is_pending(&id).await;
    assert_eq!((&status["stored"], &status["expanded"]), (&json!(20), &json!(1)), "{status}");
    relay.stop().await;
}

async fn relay_status(relay: &Role, id: &str) -> u64 {
    relay.until_ready().await;
    relay.until_nothing_is_pending(id).await["stored"].as_u64().unwrap()
}

/// The ids are the table's key, so a double would show as another id.
fn documents_count(data: &Path) -> i64 {
    let file = rusqlite::Connection::open(data.join("linkrelay.sqlite")).unwrap();
    file.query_row("SELECT count(*) FROM document", [], |row| row.get(0)).unwrap()
}
