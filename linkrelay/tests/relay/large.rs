use std::process::{Command, Stdio};

use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::{KafkaBroker, TopicRecord};
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::site::{Role, Site, link};

/// A little less than what a broker takes as one record by default, its own frame included.
const ALMOST_ALL: usize = 1_048_300;

/// Whether everything given is done within a minute; otherwise how far it is.
async fn is_done(site: &Site) -> Result<(), String> {
    let done = wait_for("the lag to be 0", LONG, SHORT * 10, async || match site.lag().await {
        0 => Ok(()),
        lag => Err(format!("lag {lag}")),
    });
    done.await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_large_for_a_client_s_default_becomes_a_whole_dead_letter() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let consumer = site.consumer(&[]);
    let line = rubbish(1_010_000);
    site.type_in(&[&line, &b"\n"[..]].concat());
    assert_eq!(is_done(&site).await, Ok(()), "{}", consumer.log());
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].value.as_ref(), Some(&line));
    assert_eq!(letters[0].header("linkrelay-truncated"), None);
    consumer.stop().await;
}

/// No link, however long: it has spaces.
fn rubbish(length: usize) -> Vec<u8> {
    b"rubbish ".iter().copied().cycle().take(length).collect()
}

/// Bytes that no compression makes fewer.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Value, key, header, whichever is large.
fn large_parts() -> [(Vec<u8>, Vec<u8>, Vec<u8>); 3] {
    let large = || noise(ALMOST_ALL);
    let small = || b"a word".to_vec();
    [(large(), small(), small()), (small(), large(), small()), (small(), small(), large())]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_for_its_size_becomes_a_dead_letter_that_is_cut() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let consumer = site.consumer(&[]);
    let mut config = site.broker.client_config();
    let producer: FutureProducer = config.set("message.max.bytes", "2000000").create().unwrap();
    for (value, key, header) in &large_parts() {
        let headers = OwnedHeaders::new().insert(Header { key: "mine", value: Some(header) });
        let record =
            FutureRecord::to(&site.topic).payload(value).key(key).headers(headers).partition(0);
        producer.send(record, LONG).await.unwrap();
    }
    let good = link(1);
    let record = FutureRecord::<[u8], _>::to(&site.topic).payload(good.as_bytes()).partition(0);
    producer.send(record, LONG).await.unwrap();
    assert_eq!(is_done(&site).await, Ok(()), "{}", consumer.log());
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
    let cut = of_size(ALMOST_ALL)[0].value.as_ref().unwrap().len();
    assert!((ALMOST_ALL / 4..ALMOST_ALL).contains(&cut), "{cut} bytes are left");
    for letter in &letters {
        assert_eq!(letter.header("linkrelay-error-class"), Some("malformed"));
        assert!(letter.header("linkrelay-origin").is_some_and(|at| at.starts_with(&site.topic)));
    }
    consumer.stop().await;
}

/// Changes rights on a topic with Kafka's own tool.
fn change_rights(broker: &KafkaBroker, topic: &str, change: &[&str]) {
    let status = Command::new("java")
        .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"])
        .arg(format!("{}/libs/*", broker.home().display()))
        .args(["org.apache.kafka.tools.AclCommand", "--force"])
        .args(["--bootstrap-server", &broker.bootstrap_servers(), "--topic", topic])
        .args(change)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_dead_letters_that_may_not_be_written_is_said_and_waited_for() {
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let settings =
        [("authorizer.class.name", authorizer), ("allow.everyone.if.no.acl.found", "true")];
    let broker = KafkaBroker::start_with(&settings).await.unwrap();
    broker.create_topic("LINKS", 1).await.unwrap();
    broker.create_topic("LINKS.dlq", 1).await.unwrap();
    let change = |change: &[&str]| {
        tokio::task::block_in_place(|| change_rights(&broker, "LINKS.dlq", change));
    };
    let no_writes = ["--operation", "Write", "--deny-principal", "User:*"];
    change(&["--add", "--operation", "All", "--allow-principal", "User:*"]);
    change(&[&["--add"], &no_writes[..]].concat());
    let data = tempfile::tempdir().unwrap();
    let nowhere = format!("https://127.0.0.1:{}", free_port().unwrap());
    let env = [
        ("KAFKA_BROKERS", broker.bootstrap_servers()),
        ("KAFKA_TOPIC", "LINKS".to_owned()),
        ("KAFKA_DLQ_TOPIC", "LINKS.dlq".to_owned()),
        ("DATA_DIR", data.path().display().to_string()),
        ("YOUTUBE_BASE_URL", nowhere),
    ];
    let consumer = Role::spawn("linkrelay-consumer", &[], "HTTP_ADDR", env);
    consumer.until_ready().await;
    let producer: FutureProducer = broker.client_config().create().unwrap();
    let record = FutureRecord::<[u8], [u8]>::to("LINKS").payload(b"a word");
    producer.send(record, LONG).await.unwrap();
    consumer.until_not_ready("may not write to topic LINKS.dlq").await;
    assert_eq!(consumer.get("/health/live").await.0, 200);
    change(&[&["--remove"], &no_writes[..]].concat());
    consumer.until_ready().await;
    let letters = broker.topic_records("LINKS.dlq").await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].value.as_deref(), Some(&b"a word"[..]));
    consumer.stop().await;
}
