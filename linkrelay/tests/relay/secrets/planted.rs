use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linkrelay_common::config::try_parse_from;
use linkrelay_consumer::ConsumerSettings;
use linkrelay_producer::ProducerSettings;
use secrecy::ExposeSecret as _;

use super::{CASES, Given, ended, environment, given, markers};

/// How the child leaks the connection string.
const LEAK: &str = "LINKRELAY_TEST_LEAK";
const CHILD: &str = "secrets::planted::a_child_that_crashes_with_its_settings";

/// Not a test: the process that the tests below start.
#[test]
fn a_child_that_crashes_with_its_settings() {
    let Ok(leak) = std::env::var(LEAK) else { return };
    let producer: ProducerSettings = try_parse_from(["producer"]).unwrap().settings;
    let consumer: ConsumerSettings = try_parse_from(["consumer"]).unwrap().settings;
    producer.log.start().unwrap();
    let uri = producer.store.mongodb_uri.as_ref().unwrap().expose_secret();
    match leak.as_str() {
        "a log line" => tracing::trace!(?uri, "a leak"),
        "standard output" => println!("{uri}"),
        "Debug of bytes" => eprintln!("{:?}", uri.as_bytes()),
        "basic authorization" => {
            let (_, credentials) = uri.split_once("//").unwrap();
            let (credentials, _) = credentials.split_once('@').unwrap();
            eprintln!("Basic {}", STANDARD.encode(credentials));
        }
        "a panic" => panic!("{uri}"),
        _ => {}
    }
    panic!("{producer:#?} {consumer:?}");
}

/// Returns which secrets are found in what the child wrote.
async fn found_after(leak: &str) -> Vec<String> {
    let (folder, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let markers = markers();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", CHILD, "--nocapture"]).env(LEAK, leak);
    child.envs(environment(folder.path())).envs(CASES.map(|case| {
        let value = case.value.replace("{}", markers.of(case.secret));
        given(Given::Variable, case.secret, &value, secrets.path())
    }));
    // No path: a key by mistake.
    child.env(super::FILE_OF_KEYS, markers.of("LINKRELAY_API_KEY"));
    let said = ended(child).await;
    assert!(said.stderr.contains("panicked at"), "{said:?}");
    std::fs::write(folder.path().join("stdout"), &said.stdout).unwrap();
    std::fs::write(folder.path().join("stderr"), &said.stderr).unwrap();
    markers.found_in(folder.path())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_with_all_settings_shows_no_secret() {
    assert_eq!(found_after("nothing").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_leak_is_found() {
    for leak in
        ["a log line", "standard output", "Debug of bytes", "basic authorization", "a panic"]
    {
        let found = found_after(leak).await;
        let is_named = found.iter().any(|found| found.starts_with("MONGODB_URI as "));
        assert!(is_named, "{leak}: {found:?}");
    }
}
