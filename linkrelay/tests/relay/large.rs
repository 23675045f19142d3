use std::process::Command;

use linkrelay_testkit::kafka::{KafkaBroker, TopicRecord};
use linkrelay_testkit::site;
use linkrelay_testkit::wait::LONG;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::helpers::{binary, link, nowhere, run};
use crate::role::Role;
use crate::site::{Site, publish};

/// A little less than what a broker takes as one record by default, its own frame included.
const ALMOST_ALL: usize = 1_048_300;

/// Waits until everything given is complete; fails with the consumer's log after a minute.
async fn until_done(site: &Site, consumer: &Role) {
    let done = linkrelay_testkit::site::Site::until_lag_is_zero(site, LONG).await;
    assert!(done.is_ok(), "{done:?}\n{}", consumer.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_large_for_a_client_s_default_becomes_a_whole_dead_letter() {
    let site = Site::new().await;
    let consumer = site.consumer(&[]);
    let line = rubbish(1_010_000);
    site.type_in([&line, &b"\n"[..]].concat());
    until_done(&site, &consumer).await;
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].value.as_ref(), Some(&line));
    assert_eq!(letters[0].header("linkrelay-truncated"), None);
    consumer.stop().await;
}

/// Not a link, because it has spaces.
fn rubbish(length: usize) -> Vec<u8> {
    b"rubbish ".iter().copied().cycle().take(length).collect()
}

/// Bytes that cannot be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Value, key and header of three records, in each of which another one is large.
fn large_parts() -> [(Vec<u8>, Vec<u8>, Vec<u8>); 3] {
    let large = || noise(ALMOST_ALL);
    let small = || b"a word".to_vec();
    [(large(), small(), small()), (small(), large(), small()), (small(), small(), large())]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_for_its_size_becomes_a_truncated_dead_letter() {
    let site = Site::new().await;
    let consumer = site.consumer(&[]);
    let mut config = site.broker.client_config();
    let producer: FutureProducer = config.set("message.max.bytes", "2000000").create().unwrap();
    for (value, key, header) in &large_parts() {
        let headers = OwnedHeaders::new().insert(Header { key: "mine", value: Some(header) });
        let record =
            FutureRecord::to(&site.topic).payload(value).key(key).headers(headers).partition(0);
        producer.send(record, LONG).await.unwrap();
    }
    let valid = link(1);
    let record = FutureRecord::<[u8], _>::to(&site.topic).payload(valid.as_bytes()).partition(0);
    producer.send(record, LONG).await.unwrap();
    until_done(&site, &consumer).await;
    let documents = site.documents().await;
    let stored = documents.iter().filter(|found| found.get_str("status") == Ok("stored"));
    assert_eq!(stored.count(), 1);
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 3);
    let of_size = |bytes: usize| -> Vec<&TopicRecord> {
        let size = bytes.to_string();
        letters.iter().filter(|found| found.header("linkrelay-truncated") == Some(&*size)).collect()
    };
    assert_eq!((of_size(ALMOST_ALL).len(), of_size(b"a word".len()).len()), (1, 2));
    let left = of_size(ALMOST_ALL)[0].value.as_ref().unwrap().len();
    assert!((ALMOST_ALL / 4..ALMOST_ALL).contains(&left), "{left} bytes are left");
    for letter in &letters {
        assert_eq!(letter.header("linkrelay-error-class"), Some("malformed"));
        assert!(letter.header("linkrelay-origin").is_some_and(|at| at.starts_with(&site.topic)));
    }
    consumer.stop().await;
}

/// Changes rights on a topic with Kafka's own tool.
fn change_rights(broker: &KafkaBroker, topic: &str, change: &[&str]) {
    let mut command = Command::new("java");
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"]);
    command.arg(format!("{}/libs/*", broker.home().display()));
    command.args(["org.apache.kafka.tools.AclCommand", "--force"]);
    command.args(["--bootstrap-server", &broker.bootstrap_servers(), "--topic", topic]);
    run(command.args(change)).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_dead_letters_that_may_not_be_written_is_named_and_waited_for() {
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let settings =
        [("authorizer.class.name", authorizer), ("allow.everyone.if.no.acl.found", "true")];
    let broker = KafkaBroker::start_with(&settings).await.unwrap();
    broker.create_topic("LINKS", 1).await.unwrap();
    broker.create_topic("LINKS.dlq", 1).await.unwrap();
    let change = |change: &[&str]| change_rights(&broker, "LINKS.dlq", change);
    let no_writes = ["--operation", "Write", "--deny-principal", "User:*"];
    change(&["--add", "--operation", "All", "--allow-principal", "User:*"]);
    change(&[&["--add"], &no_writes[..]].concat());
    let data = tempfile::tempdir().unwrap();
    let env = [
        ("KAFKA_BROKERS", broker.bootstrap_servers()),
        ("KAFKA_TOPIC", "LINKS".to_owned()),
        ("KAFKA_DLQ_TOPIC", "LINKS.dlq".to_owned()),
        ("DATA_DIR", data.path().display().to_string()),
        ("YOUTUBE_BASE_URL", format!("https://{}", nowhere())),
    ];
    let role = site::Role::new("consumer", binary("linkrelay-consumer"));
    let consumer = Role::start(role, &env, &[]).ready().await;
    publish(&broker, "LINKS", b"a word", OwnedHeaders::new()).await;
    consumer.until_not_ready("may not write to topic LINKS.dlq").await;
    assert_eq!(consumer.get("/health/live").await.0, 200);
    change(&[&["--remove"], &no_writes[..]].concat());
    consumer.until_ready().await;
    let letters = broker.topic_records("LINKS.dlq").await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].value.as_deref(), Some(&b"a word"[..]));
    consumer.stop().await;
}
