use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Command;

use linkrelay_fake_youtube::{ApiFailure, FakeYouTubeSettings};
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::Value;

use crate::site::{PARTITIONS, Role, Site};

/// What `linkrelay check` said: its exit code, and the parts that failed with their words.
struct Checked {
    code: Option<i32>,
    said: String,
    failed: BTreeMap<String, String>,
}

/// The parts of a site that is whole, in the order of their lines; no consumer runs.
fn parts(site: &Site) -> Vec<String> {
    let (topic, dlq) = (format!("topic {}", site.topic), format!("topic {}", site.dlq));
    let group = format!("group {}", site.group());
    ["kafka", &topic, &dlq, &group, "mongodb", "api", "consumer", "watch_page", "oembed"]
        .map(str::to_owned)
        .to_vec()
}

fn command(site: &Site, arguments: &[&str], more: &[(&str, &str)]) -> Command {
    let address = || format!("127.0.0.1:{}", free_port().unwrap());
    let mut command = Command::new(workspace_binary("linkrelay").unwrap());
    command.arg("check").args(arguments).envs(site.env()).env("EXTRACTORS", "watch_page,oembed");
    command.env("HTTP_ADDR", address()).env("EXTRACTOR_ADDR", address());
    command.envs(more.iter().copied());
    command
}

/// Lines and JSON say the same; so both are asked for.
fn check(site: &Site, more: &[(&str, &str)]) -> Checked {
    let run = |arguments: &[&str]| {
        let mut command = command(site, arguments, more);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        (output, String::from_utf8(said).unwrap())
    };
    let (output, said) = run(&["--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let parts = json["parts"].as_array().unwrap();
    let failed = parts.iter().filter(|part| part["ok"] == false).map(|part| {
        let text = |key: &str| part[key].as_str().unwrap().to_owned();
        (text("part"), format!("{}; {}", text("detail"), text("remedy")))
    });
    let failed: BTreeMap<_, _> = failed.collect();
    assert_eq!(json["ok"], failed.is_empty());
    let (lines, also_said) = run(&[]);
    assert_eq!(lines.status.code(), output.status.code());
    let lines = String::from_utf8(lines.stdout).unwrap();
    assert_eq!(lines.lines().count(), parts.len(), "{lines}");
    for (line, part) in lines.lines().zip(parts) {
        let is = |key: &str| part[key] == true;
        let word = if is("warn") { "warn" } else { ["FAILED", "ok"][usize::from(is("ok"))] };
        let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("{line}")).trim_start();
        assert!(rest.starts_with(part["part"].as_str().unwrap()), "{line}");
    }
    Checked { code: output.status.code(), said: said + &also_said, failed }
}

/// These parts fail, say so in these words, and no other part does.
fn assert_failed(checked: &Checked, expected: &[(&str, &str)]) {
    assert_eq!(checked.code, Some(1), "{}", checked.said);
    let names: Vec<&str> = checked.failed.keys().map(String::as_str).collect();
    let mut expected_names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    expected_names.sort_unstable();
    assert_eq!(names, expected_names, "{}", checked.said);
    for (name, words) in expected {
        assert!(checked.failed[*name].contains(words), "{name}: {}", checked.failed[*name]);
    }
    assert!(!checked.said.contains("hunter2"), "a password: {}", checked.said);
}

fn nowhere() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_can_be_reached_is_a_line_each_running_or_not() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let checked = check(&site, &[]);
    assert_eq!((checked.code, checked.failed.len()), (Some(0), 0), "{}", checked.said);
    for part in parts(&site) {
        assert!(checked.said.contains(&part), "{part}: {}", checked.said);
    }
    assert!(checked.said.contains(&format!("{PARTITIONS} partitions, 1 replicas")));
    assert!(!checked.said.contains("breakers"), "no role runs: {}", checked.said);

    let (producer, consumer) = (site.producer(&[]), site.consumer(&[]));
    producer.until_ready().await;
    consumer.until_ready().await;
    wait_for("the consumer to say how its strategies are", LONG, SHORT, async || {
        let text = consumer.metrics().await;
        let is_said = text.contains("linkrelay_strategy_breaker_state{");
        if is_said { Ok(()) } else { Err(text) }
    })
    .await
    .unwrap();
    let (api, extractor) = (address(&producer), address(&consumer));
    let settings =
        [("HTTP_ADDR", &*api), ("EXTRACTOR_ADDR", &extractor), ("EXTRACTOR_URL", &consumer.url)];
    let checked = check(&site, &settings);
    assert_eq!((checked.code, checked.failed.len()), (Some(0), 0), "{}", checked.said);
    assert!(checked.said.contains(&format!("linkrelay answers at {api}, ready")));
    assert!(checked.said.contains("all 4 strategies of the running consumer"), "{}", checked.said);
    consumer.stop().await;
    producer.stop().await;
}

fn address(role: &Role) -> String {
    role.url.strip_prefix("http://").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_asked_for_a_list() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let key = [("YOUTUBE_API_KEY", "a-key")];
    let checked = check(&site, &key);
    assert_eq!((checked.code, checked.failed.len()), (Some(0), 0), "{}", checked.said);
    assert!(checked.said.contains("listed a channel"), "{}", checked.said);
    site.fake.set_api_failure(Some(ApiFailure::KeyInvalid));
    assert_failed(&check(&site, &key), &[("playlists", "YOUTUBE_API_KEY is right")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_and_topics_that_are_missing_are_named() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
    let (topic, dlq) = (format!("topic {}", site.topic), format!("topic {}", site.dlq));
    let missing = "does not exist; create it with ./kafka-topics.sh";
    assert_failed(&check(&site, &[]), &[(&topic, missing), (&dlq, missing)]);

    let (brokers, group) = (nowhere(), format!("group {}", site.group()));
    let config = "sasl.username=me,sasl.password=hunter2";
    let checked = check(&site, &[("KAFKA_BROKERS", &brokers), ("KAFKA_CONFIG", config)]);
    let away = format!("no answer from {brokers}");
    assert_failed(
        &checked,
        &[("kafka", "KAFKA_BROKERS"), (&topic, &away), (&dlq, &away), (&group, &away)],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_other_part_that_is_away_fails_alone_and_says_what_to_do() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let mongo = format!("mongodb://user:hunter2@{}", nowhere());
    assert_failed(&check(&site, &[("MONGODB_URI", &mongo)]), &[("mongodb", "MONGODB_URI")]);

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        // Takes every connection and says nothing that linkrelay would.
        other.incoming().take(2).for_each(drop);
    });
    assert_failed(&check(&site, &[("HTTP_ADDR", &taken)]), &[("api", "set HTTP_ADDR")]);
    answering.join().unwrap();

    let server = format!("http://{}", nowhere());
    let checked = check(&site, &[("EXTRACTOR_URL", &server)]);
    assert_failed(&checked, &[("extractor server", "set EXTRACTOR_URL")]);

    let youtube = format!("https://{}", nowhere());
    let network = "see that this machine reaches YouTube";
    let checked = check(&site, &[("YOUTUBE_BASE_URL", &youtube)]);
    assert_failed(&checked, &[("watch_page", network), ("oembed", network)]);

    let proxies = format!("http://user:hunter2@{0},socks5://user:hunter2@{0}", nowhere());
    let checked = check(&site, &[("PROXY_URLS", &proxies)]);
    let names: Vec<&String> = checked.failed.keys().collect();
    assert_eq!((checked.code, names.len()), (Some(1), 4), "{}", checked.said);
    assert!(names[1].starts_with("proxy 1, 127.0.0.1:"), "{names:?}");
    assert!(checked.failed.values().all(|words| words.contains("PROXY_URLS")));
    assert!(!checked.said.contains("hunter2"), "{}", checked.said);

    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("data").display().to_string();
    let checked = check(&site, &[("MONGODB_URI", ""), ("DATA_DIR", &below)]);
    assert_failed(&checked, &[("sqlite", "set DATA_DIR")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_not_ready_is_quoted() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let mongo = format!("mongodb://{}", nowhere());
    let producer = site.producer(&[("MONGODB_URI", &mongo)]);
    producer.until_not_ready("cannot be reached").await;
    let checked = check(&site, &[("HTTP_ADDR", &address(&producer))]);
    assert_failed(&checked, &[("api", "not ready: store: ")]);
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_up_brings_along_needs_nobody_and_nothing_is_made() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    let mut command = command(&site, &["--demo"], &[("MONGODB_URI", "")]);
    command.env_remove("KAFKA_BROKERS").env("DATA_DIR", &folder);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in ["embedded", "will be made", "built-in fake"] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(said.lines().count(), 5, "{said}");
    assert!(!folder.exists(), "a check makes nothing");
    let wrong = tokio::task::block_in_place(|| command.arg("--max-in-flight=0").output().unwrap());
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("MAX_IN_FLIGHT"));
}
