use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};
use linkrelay_testkit::kafka::{ODD_PASSWORD, ODD_USER, PASSWORD, SecuredBroker, USER};
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::json;

use crate::site::{Site, link, video_id};

/// How a client comes in: the environment of every role and command.
#[derive(Clone)]
struct Way {
    servers: String,
    config: String,
    file: String,
}

impl Way {
    fn new(servers: String, config: String) -> Self {
        Self { servers, config, file: String::new() }
    }

    /// With a password over SASL_SSL.
    fn sasl(broker: &SecuredBroker, mechanism: &str, user: &str, password: &str) -> Self {
        let ca = broker.ca().display().to_string();
        let config = format!(
            "security.protocol=SASL_SSL,ssl.ca.location={ca},sasl.mechanism={mechanism},\
             sasl.username={user},sasl.password={password}"
        );
        Self::new(broker.sasl_servers(), config)
    }

    /// With a certificate.
    fn certificate(broker: &SecuredBroker) -> Self {
        let (certificate, key) = broker.client();
        let config = format!(
            "{},ssl.certificate.location={},ssl.key.location={}",
            tls(&broker.ca()),
            certificate.display(),
            key.display()
        );
        Self::new(broker.certificate_servers(), config)
    }

    fn env(&self) -> [(&str, &str); 3] {
        [
            ("KAFKA_BROKERS", &self.servers),
            ("KAFKA_CONFIG", &self.config),
            ("KAFKA_CONFIG_FILE", &self.file),
        ]
    }
}

fn tls(ca: &Path) -> String {
    format!("security.protocol=SSL,ssl.ca.location={}", ca.display())
}

async fn site(broker: &'static SecuredBroker) -> Site {
    Site::on(broker.broker(), FakeYouTubeSettings::default()).await
}

/// Runs the command to its end.
fn run(site: &Site, way: &Way, arguments: &[&str]) -> Output {
    let mut command = Command::new(workspace_binary("linkrelay").unwrap());
    let address = || format!("127.0.0.1:{}", free_port().unwrap());
    command.args(arguments).envs(site.env()).env("EXTRACTORS", "watch_page");
    command.env("HTTP_ADDR", address()).env("EXTRACTOR_ADDR", address()).envs(way.env());
    tokio::task::block_in_place(|| command.output().unwrap())
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Runs a command that must do it; gives what it said.
fn done(site: &Site, way: &Way, arguments: &[&str]) -> String {
    let output = run(site, way, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// Topics, a check, a link to its document, a dead letter and its way back: all by one way in.
async fn everything_works(broker: &'static SecuredBroker, way: &Way) {
    let site = site(broker).await;
    let made = done(&site, way, &["topics", "create"]);
    assert!(made.contains("created with 6 partitions"), "{made}");
    let described = done(&site, way, &["topics", "describe"]);
    assert!(described.contains("6 partitions"), "{described}");
    done(&site, way, &["check"]);

    let env = way.env();
    let more = [env[0], env[1], env[2], ("MAX_ATTEMPTS", "1")];
    let (producer, consumer) = (site.producer(&more), site.consumer(&more));
    producer.until_ready().await;
    consumer.until_ready().await;
    site.fake.set_failure(&video_id(1), Some(Failure::ServerError));
    let id = producer.post_good(&json!([link(0), link(1)])).await;
    let status = producer.until_nothing_is_pending(&id).await;
    assert_eq!((&status["stored"], &status["failed"]), (&json!(1), &json!(1)), "{status}");

    let listed = done(&site, way, &["dlq", "list"]);
    assert!(listed.contains(&video_id(1)), "{listed}");
    site.fake.set_failure(&video_id(1), None);
    let replayed = done(&site, way, &["dlq", "replay", "--all"]);
    assert!(replayed.contains("replayed 1"), "{replayed}");
    wait_for("the replayed link to be stored", LONG, SHORT, async || {
        let status = producer.status(&id).await;
        if status["stored"] == 2 { Ok(()) } else { Err(status.to_string()) }
    })
    .await
    .unwrap();
    consumer.stop().await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_scram_sha_256() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Way::sasl(broker, "SCRAM-SHA-256", USER, PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_scram_sha_512() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Way::sasl(broker, "SCRAM-SHA-512", USER, PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_plain_over_tls() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Way::sasl(broker, "PLAIN", USER, PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_a_client_certificate() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Way::certificate(broker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_with_a_comma_and_a_backslash_is_taken_by_line_and_by_file() {
    let broker = SecuredBroker::shared().await.unwrap();
    let site = site(broker).await;
    let escaped = ODD_PASSWORD.replace('\\', r"\\").replace(',', r"\,");
    let by_line = Way::sasl(broker, "PLAIN", ODD_USER, &escaped);
    done(&site, &by_line, &["topics", "create"]);
    done(&site, &by_line, &["check"]);

    let file = tempfile::NamedTempFile::new().unwrap();
    let mut text = String::from("# for the tests\n\n");
    for (key, value) in [
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", &broker.ca().display().to_string()),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", ODD_USER),
        ("sasl.password", ODD_PASSWORD),
    ] {
        writeln!(text, "{key}={value}").unwrap();
    }
    std::fs::write(file.path(), text).unwrap();
    let by_file = Way {
        servers: broker.sasl_servers(),
        config: "linger.ms=1".to_owned(),
        file: file.path().display().to_string(),
    };
    done(&site, &by_file, &["check"]);
    let env = by_file.env();
    let (producer, consumer) = (site.producer(&env), site.consumer(&env));
    producer.until_ready().await;
    consumer.until_ready().await;
    let id = producer.post_good(&json!([link(0)])).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    consumer.stop().await;
    producer.stop().await;
}

/// What both roles and `check` must say of a way that leads nowhere, and of what to look at.
async fn says(broker: &'static SecuredBroker, way: Way, words: &[&str]) {
    let site = site(broker).await;
    site.create_topics().await;
    let env = way.env();
    let (producer, consumer) = (site.producer(&env), site.consumer(&env));
    for word in words {
        producer.until_not_ready(word).await;
        consumer.until_not_ready(word).await;
    }
    command_says(&site, &way, &["check"], words);
    for role in [&producer, &consumer] {
        assert!(!role.log().contains("hunter2"), "a log shows a password: {}", role.log());
    }
    consumer.stop().await;
    producer.stop().await;
}

fn command_says(site: &Site, way: &Way, arguments: &[&str], words: &[&str]) {
    let output = run(site, way, arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} does not say {word:?}: {said}");
    }
    assert!(!said.contains("hunter2"), "{arguments:?} shows a password: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said() {
    let broker = SecuredBroker::shared().await.unwrap();
    let words = ["user name or password", "sasl.password"];
    says(broker, Way::sasl(broker, "PLAIN", USER, "hunter2"), &words).await;
    let (site, way) = (site(broker).await, Way::sasl(broker, "SCRAM-SHA-256", USER, "hunter2"));
    for arguments in [&["topics", "describe"][..], &["dlq", "list"]] {
        command_says(&site, &way, arguments, &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_that_is_not_known_is_said() {
    let broker = SecuredBroker::shared().await.unwrap();
    let (other, words) = (broker.other_ca(), ["no CA that is trusted", "ssl.ca.location"]);
    says(broker, Way::new(broker.misnamed_servers(), tls(&other)), &words).await;
    // Nor do those of the system sign it.
    let way = Way::new(broker.misnamed_servers(), "security.protocol=SSL".to_owned());
    says(broker, way, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_that_is_not_the_certificate_s_is_said() {
    let broker = SecuredBroker::shared().await.unwrap();
    let way = Way::new(broker.misnamed_servers(), tls(&broker.ca()));
    says(broker, way, &["another host name", "KAFKA_BROKERS"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_an_address_is_said() {
    let broker = SecuredBroker::shared().await.unwrap();
    let servers = "no-such-broker.invalid:9093".to_owned();
    let way = Way { servers, ..Way::sasl(broker, "PLAIN", USER, "hunter2") };
    says(broker, way, &["cannot be resolved", "no-such-broker.invalid"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_speaks_otherwise_and_a_missing_certificate_are_said() {
    let broker = SecuredBroker::shared().await.unwrap();
    let plain = broker.broker().bootstrap_servers();
    says(broker, Way::new(plain, tls(&broker.ca())), &["does not speak TLS"]).await;
    let way = Way::new(broker.certificate_servers(), String::new());
    says(broker, way, &["speaks TLS on this port"]).await;
    let way = Way::new(broker.certificate_servers(), tls(&broker.ca()));
    says(broker, way, &["requires a client certificate"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_shows_a_part_of_a_password_that_is_written_wrongly() {
    let broker = SecuredBroker::shared().await.unwrap();
    let site = site(broker).await;
    for config in [
        "sasl.username=me,sasl.password=half,hunter2",
        "sasl.username=me,sasl.password=half,hunter2=1",
        r"sasl.username=me,sasl.password=half\hunter2",
        "sasl.mechanism=hunter2",
        "security.protocol=hunter2",
        "security.protocol=SSL,ssl.key.location=hunter2",
        "security.protocol=SASL_SSL,sasl.mechanism=PLAIN,sasl.jaas.config=hunter2",
    ] {
        let way = Way::new(broker.sasl_servers(), config.to_owned());
        let in_place_of_a_file =
            Way { file: config.to_owned(), ..Way::new(way.servers.clone(), String::new()) };
        for (way, variable) in [(way, "KAFKA_CONFIG"), (in_place_of_a_file, "KAFKA_CONFIG_FILE")] {
            for arguments in [&["topics", "describe"][..], &["check"], &["dlq", "list"]] {
                let output = run(&site, &way, arguments);
                let said = said(&output);
                assert!(!said.contains("hunter2"), "{arguments:?} {config}: {said}");
                assert_eq!(output.status.code(), Some(2), "{arguments:?} {config}: {said}");
                assert!(said.contains(variable), "{arguments:?} {config}: {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_to_log_in_that_is_not_built_in_is_refused_by_name() {
    let broker = SecuredBroker::shared().await.unwrap();
    let site = site(broker).await;
    for (mechanism, name) in
        [("OAUTHBEARER", "OIDC"), ("AWS_MSK_IAM", "AWS_MSK_IAM"), ("GSSAPI", "Kerberos")]
    {
        let way = Way::sasl(broker, mechanism, USER, "hunter2");
        let output = run(&site, &way, &["topics", "describe"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for words in [name, "SCRAM-SHA-512", "PLAIN"] {
            assert!(said.contains(words), "{mechanism}: {said}");
        }
    }
}
