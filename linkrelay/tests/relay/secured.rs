use std::fmt::Write as _;
use std::path::Path;

use linkrelay_fake_youtube::{Failure, FakeYouTubeSettings};
use linkrelay_testkit::kafka::{ODD_PASSWORD, ODD_USER, PASSWORD, SecuredBroker, USER};
use serde_json::json;

use crate::helpers::{Said, link, links, video_id};
use crate::role::stop;
use crate::site::{PARTITIONS, Site};

/// How a client connects: the environment of every role and command.
#[derive(Clone)]
struct Access {
    servers: String,
    config: String,
    file: String,
}

impl Access {
    fn new(servers: String, config: String) -> Self {
        Self { servers, config, file: String::new() }
    }

    /// By a password over SASL_SSL.
    fn sasl(broker: &SecuredBroker, mechanism: &str, user: &str, password: &str) -> Self {
        let ca = broker.ca().display().to_string();
        let config = format!(
            "security.protocol=SASL_SSL,ssl.ca.location={ca},sasl.mechanism={mechanism},\
             sasl.username={user},sasl.password={password}"
        );
        Self::new(broker.sasl_servers(), config)
    }

    /// By a client certificate.
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
fn run(site: &Site, access: &Access, arguments: &[&str]) -> Said {
    let extractors = [("EXTRACTORS", "watch_page")];
    site.linkrelay(arguments, &[&extractors[..], &access.env()].concat())
}

/// Topics, a check, a link to its document, a dead letter and its replay, all by this access.
async fn everything_works(broker: &'static SecuredBroker, access: &Access) {
    let site = site(broker).await;
    let made = run(&site, access, &["topics", "create"]).done();
    assert!(made.contains(&format!("created with {PARTITIONS} partitions")), "{made}");
    let described = run(&site, access, &["topics", "describe"]).done();
    assert!(described.contains("6 partitions"), "{described}");
    run(&site, access, &["check"]).done();

    let settings = [&access.env()[..], &[("MAX_ATTEMPTS", "1")]].concat();
    let (producer, consumer) = site.roles(&settings, &settings).await;
    site.fake.set_failure(&video_id(1), Some(Failure::ServerError));
    let id = producer.post_valid(&json!(links(0..2))).await;
    let status = producer.until_nothing_is_pending(&id).await;
    assert_eq!((&status["stored"], &status["failed"]), (&json!(1), &json!(1)), "{status}");

    let listed = run(&site, access, &["dlq", "list"]).done();
    assert!(listed.contains(&video_id(1)), "{listed}");
    site.fake.set_failure(&video_id(1), None);
    let replayed = run(&site, access, &["dlq", "replay", "--all"]).done();
    assert!(replayed.contains("replayed 1"), "{replayed}");
    producer.until_stored(&id, 2).await;
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_scram_sha_256() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Access::sasl(broker, "SCRAM-SHA-256", USER, PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_scram_sha_512() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Access::sasl(broker, "SCRAM-SHA-512", USER, PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_plain_over_tls() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Access::sasl(broker, "PLAIN", USER, PASSWORD)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_reaches_its_document_by_a_client_certificate() {
    let broker = SecuredBroker::shared().await.unwrap();
    everything_works(broker, &Access::certificate(broker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_with_a_comma_and_a_backslash_is_read_from_a_setting_and_from_a_file() {
    let broker = SecuredBroker::shared().await.unwrap();
    let site = site(broker).await;
    let escaped = ODD_PASSWORD.replace('\\', r"\\").replace(',', r"\,");
    let by_line = Access::sasl(broker, "PLAIN", ODD_USER, &escaped);
    run(&site, &by_line, &["topics", "create"]).done();
    run(&site, &by_line, &["check"]).done();

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
    let by_file = Access {
        servers: broker.sasl_servers(),
        config: "linger.ms=1".to_owned(),
        file: file.path().display().to_string(),
    };
    run(&site, &by_file, &["check"]).done();
    let env = by_file.env();
    let (producer, consumer) = site.roles(&env, &env).await;
    let id = producer.post_valid(&json!([link(0)])).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    stop([consumer, producer]).await;
}

/// Both roles and `check` must name the cause of this failing access, and what to look at.
async fn is_named(broker: &'static SecuredBroker, access: Access, words: &[&str]) {
    let site = site(broker).await.with_partitions(PARTITIONS).await;
    let env = access.env();
    let (producer, consumer) = (site.producer(&env), site.consumer(&env));
    for word in words {
        producer.until_not_ready(word).await;
        consumer.until_not_ready(word).await;
    }
    is_named_by(&site, &access, &["check"], words);
    for role in [&producer, &consumer] {
        assert!(!role.log().contains("hunter2"), "a log shows a password: {}", role.log());
    }
    stop([consumer, producer]).await;
}

fn is_named_by(site: &Site, access: &Access, arguments: &[&str], words: &[&str]) {
    let said = run(site, access, arguments);
    assert_eq!(said.code, Some(1), "{arguments:?}: {said:?}");
    for word in words {
        assert!(said.all().contains(word), "{arguments:?} does not name {word:?}: {said:?}");
    }
    assert!(!said.all().contains("hunter2"), "{arguments:?} shows a password: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named() {
    let broker = SecuredBroker::shared().await.unwrap();
    let words = ["user name or password", "sasl.password"];
    is_named(broker, Access::sasl(broker, "PLAIN", USER, "hunter2"), &words).await;
    let (site, access) =
        (site(broker).await, Access::sasl(broker, "SCRAM-SHA-256", USER, "hunter2"));
    for arguments in [&["topics", "describe"][..], &["dlq", "list"]] {
        is_named_by(&site, &access, arguments, &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_ca_is_named() {
    let broker = SecuredBroker::shared().await.unwrap();
    let (other, words) = (broker.other_ca(), ["no CA that is trusted", "ssl.ca.location"]);
    is_named(broker, Access::new(broker.misnamed_servers(), tls(&other)), &words).await;
    // The authorities of the system do not sign it either.
    let access = Access::new(broker.misnamed_servers(), "security.protocol=SSL".to_owned());
    is_named(broker, access, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_that_is_not_in_the_certificate_is_named() {
    let broker = SecuredBroker::shared().await.unwrap();
    let access = Access::new(broker.misnamed_servers(), tls(&broker.ca()));
    is_named(broker, access, &["another host name", "KAFKA_BROKERS"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_an_address_is_named() {
    let broker = SecuredBroker::shared().await.unwrap();
    let servers = "no-such-broker.invalid:9093".to_owned();
    let access = Access { servers, ..Access::sasl(broker, "PLAIN", USER, "hunter2") };
    is_named(broker, access, &["cannot be resolved", "no-such-broker.invalid"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_another_protocol_and_a_missing_certificate_are_named() {
    let broker = SecuredBroker::shared().await.unwrap();
    let plain = broker.broker().bootstrap_servers();
    is_named(broker, Access::new(plain, tls(&broker.ca())), &["does not speak TLS"]).await;
    let access = Access::new(broker.certificate_servers(), String::new());
    is_named(broker, access, &["speaks TLS on this port"]).await;
    let access = Access::new(broker.certificate_servers(), tls(&broker.ca()));
    is_named(broker, access, &["requires a client certificate"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_output_shows_a_part_of_a_password_that_is_written_wrongly() {
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
        let access = Access::new(broker.sasl_servers(), config.to_owned());
        let instead_of_a_file = Access {
            file: config.to_owned(),
            ..Access::new(access.servers.clone(), String::new())
        };
        for (access, variable) in
            [(access, "KAFKA_CONFIG"), (instead_of_a_file, "KAFKA_CONFIG_FILE")]
        {
            for arguments in [&["topics", "describe"][..], &["check"], &["dlq", "list"]] {
                let said = run(&site, &access, arguments);
                assert!(!said.all().contains("hunter2"), "{arguments:?} {config}: {said:?}");
                assert_eq!(said.code, Some(2), "{arguments:?} {config}: {said:?}");
                assert!(said.all().contains(variable), "{arguments:?} {config}: {said:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sasl_mechanism_that_is_not_built_in_is_refused_by_name() {
    let broker = SecuredBroker::shared().await.unwrap();
    let site = site(broker).await;
    for (mechanism, name) in
        [("OAUTHBEARER", "OIDC"), ("AWS_MSK_IAM", "AWS_MSK_IAM"), ("GSSAPI", "Kerberos")]
    {
        let access = Access::sasl(broker, mechanism, USER, "hunter2");
        let said = run(&site, &access, &["topics", "describe"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        for words in [name, "SCRAM-SHA-512", "PLAIN"] {
            assert!(said.all().contains(words), "{mechanism}: {said:?}");
        }
    }
}
