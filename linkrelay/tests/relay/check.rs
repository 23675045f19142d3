use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Command;

use linkrelay_fake_youtube::{ApiFailure, CANARY_VIDEO, Failure};
use linkrelay_testkit::wait::ok_if;
use serde_json::Value;

use crate::helpers::{binary, nowhere, run, until};
use crate::role::stop;
use crate::site::{PARTITIONS, Site};

/// The result of `linkrelay check`: its exit code, and the parts that failed with their texts.
struct Checked {
    code: Option<i32>,
    said: String,
    failed: BTreeMap<String, String>,
}

/// The parts of a complete site, in the order of their lines; no consumer runs.
fn parts(site: &Site) -> Vec<String> {
    let (topic, dlq) = (format!("topic {}", site.topic), format!("topic {}", site.dlq));
    let group = format!("group {}", site.group());
    ["kafka", &topic, &dlq, &group, "mongodb", "api", "consumer", "watch_page", "oembed"]
        .map(str::to_owned)
        .to_vec()
}

/// Lines and JSON must agree, so the test asks for both.
fn check(site: &Site, more: &[(&str, &str)]) -> Checked {
    let env = [&[("EXTRACTORS", "watch_page,oembed")], more].concat();
    let as_json = site.linkrelay(&["check", "--json"], &env);
    let said = as_json.all();
    let json: Value = serde_json::from_str(&as_json.stdout).unwrap_or_else(|_| panic!("{said}"));
    let parts = json["parts"].as_array().unwrap();
    let failed = parts.iter().filter(|part| part["ok"] == false).map(|part| {
        let text = |key: &str| part[key].as_str().unwrap().to_owned();
        (text("part"), format!("{}; {}", text("detail"), text("remedy")))
    });
    let failed: BTreeMap<_, _> = failed.collect();
    assert_eq!(json["ok"], failed.is_empty());
    let as_lines = site.linkrelay(&["check"], &env);
    assert_eq!(as_lines.code, as_json.code);
    assert_eq!(as_lines.stdout.lines().count(), parts.len(), "{as_lines:?}");
    for (line, part) in as_lines.stdout.lines().zip(parts) {
        let is = |key: &str| part[key] == true;
        let word = if is("warn") { "warn" } else { ["FAILED", "ok"][usize::from(is("ok"))] };
        let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("{line}")).trim_start();
        assert!(rest.starts_with(part["part"].as_str().unwrap()), "{line}");
    }
    Checked { code: as_json.code, said: said + &as_lines.all(), failed }
}

/// Exactly these parts fail, with these words.
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

#[tokio::test(flavor = "multi_thread")]
async fn every_reachable_part_is_a_line_with_and_without_roles() {
    let site = Site::new().await;
    let checked = check(&site, &[]);
    assert_eq!((checked.code, checked.failed.len()), (Some(0), 0), "{}", checked.said);
    for part in parts(&site) {
        assert!(checked.said.contains(&part), "{part}: {}", checked.said);
    }
    assert!(checked.said.contains(&format!("{PARTITIONS} partitions, 1 replicas")));
    assert!(!checked.said.contains("breakers"), "no role runs: {}", checked.said);

    let (producer, consumer) = site.roles(&[], &[]).await;
    until("the metrics of the strategies", async || {
        let text = consumer.metrics().await;
        let is_there = text.contains("linkrelay_strategy_breaker_state{");
        ok_if(is_there, text)
    })
    .await;
    let (api, extractor) = (producer.addr().to_string(), consumer.addr().to_string());
    let settings =
        [("HTTP_ADDR", &*api), ("EXTRACTOR_ADDR", &extractor), ("EXTRACTOR_URL", &consumer.url())];
    let checked = check(&site, &settings);
    assert_eq!((checked.code, checked.failed.len()), (Some(0), 0), "{}", checked.said);
    assert!(checked.said.contains(&format!("linkrelay answers at {api}, ready")));
    assert!(checked.said.contains("all 4 strategies of the running consumer"), "{}", checked.said);
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_asked_for_a_list() {
    let site = Site::new().await;
    let key = [("YOUTUBE_API_KEY", "a-key")];
    let checked = check(&site, &key);
    assert_eq!((checked.code, checked.failed.len()), (Some(0), 0), "{}", checked.said);
    assert!(checked.said.contains("listed a channel"), "{}", checked.said);
    site.fake.set_api_failure(Some(ApiFailure::KeyInvalid));
    assert_failed(&check(&site, &key), &[("playlists", "YOUTUBE_API_KEY is right")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_that_refuses_even_the_canary_fails() {
    let site = Site::new().await;
    site.fake.set_failure(CANARY_VIDEO, Some(Failure::Private));
    let canary = [("EXTRACTORS", "watch_page")];
    assert_failed(&check(&site, &canary), &[("watch_page", "CANARY_VIDEO")]);
    site.fake.set_failure(CANARY_VIDEO, None);
    let other = [("EXTRACTORS", "watch_page"), ("CANARY_VIDEO", "5fR9AHlSDtc")];
    assert_eq!(check(&site, &other).code, Some(0));
    assert_eq!(site.fake.hits().video("5fR9AHlSDtc"), 2, "as lines and as JSON");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_broker_and_missing_topics_are_named() {
    let site = Site::without_topics().await;
    let (topic, dlq) = (format!("topic {}", site.topic), format!("topic {}", site.dlq));
    let missing = "does not exist; create it with ./kafka-topics.sh";
    assert_failed(&check(&site, &[]), &[(&topic, missing), (&dlq, missing)]);

    let (brokers, group) = (nowhere(), format!("group {}", site.group()));
    let config = "sasl.username=me,sasl.password=hunter2";
    let checked = check(&site, &[("KAFKA_BROKERS", &brokers), ("KAFKA_CONFIG", config)]);
    let no_answer = format!("no answer from {brokers}");
    assert_failed(
        &checked,
        &[
            ("kafka", "KAFKA_BROKERS"),
            (&topic, &no_answer),
            (&dlq, &no_answer),
            (&group, &no_answer),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_other_unreachable_part_fails_alone_and_says_what_to_do() {
    let site = Site::new().await;
    let mongo = format!("mongodb://user:hunter2@{}", nowhere());
    assert_failed(&check(&site, &[("MONGODB_URI", &mongo)]), &[("mongodb", "MONGODB_URI")]);

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        // Accepts connections and does not answer like linkrelay.
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
    let site = Site::new().await;
    let mongo = format!("mongodb://{}", nowhere());
    let producer = site.producer(&[("MONGODB_URI", &mongo)]);
    producer.until_not_ready("cannot be reached").await;
    let checked = check(&site, &[("HTTP_ADDR", &producer.addr().to_string())]);
    assert_failed(&checked, &[("api", "not ready: store: ")]);
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_up_starts_itself_needs_no_server_and_a_check_makes_nothing() {
    let site = Site::without_topics().await;
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    let check = |arguments: &[&str]| {
        let mut command = Command::new(binary("linkrelay"));
        command.args(["check", "--demo"]).args(arguments).envs(site.env());
        command.env("HTTP_ADDR", nowhere()).env("EXTRACTOR_ADDR", nowhere());
        command.env_remove("KAFKA_BROKERS").env("MONGODB_URI", "");
        run(command.env("EXTRACTORS", "watch_page,oembed").env("DATA_DIR", &folder))
    };
    let said = check(&[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for words in ["embedded", "will be made", "built-in fake"] {
        assert!(said.stdout.contains(words), "{said:?}");
    }
    assert_eq!(said.stdout.lines().count(), 6, "{said:?}");
    assert!(!folder.exists(), "a check makes nothing");
    let wrong = check(&["--max-in-flight=0"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("MAX_IN_FLIGHT"));
}
