use std::path::Path;
use std::process::Command;

use linkrelay_testkit::tools::schemathesis_home;
use serde_json::json;

use crate::helpers::{link, links, run};
use crate::role::up;

/// The same requests in every run.
const SEED: &str = "20261128";
/// Requests for each route, beside those of the examples and of each boundary.
const MAX_EXAMPLES: &str = "40";

/// With keys, so that it also tries each route without one.
const KEY: &str = "a-key-of-schemathesis";

/// Schemathesis reads `/openapi.json`, and sends what the document allows and what it does not.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing() {
    let data = tempfile::tempdir().unwrap();
    let prepared = up(data.path(), &["--demo"], &[]).ready().await;
    let id = prepared.post_valid(&json!(links(0..3))).await;
    prepared.until_nothing_is_pending(&id).await;
    prepared.post_valid(&json!(link(0))).await;
    prepared.stop().await;
    let keys = [("LINKRELAY_API_KEYS", KEY.to_owned())];
    let relay = up(data.path(), &["--demo"], &keys).ready().await;
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relay/schemathesis.toml");
    let mut command = Command::new(schemathesis_home().unwrap().join("bin/schemathesis"));
    command.arg("--config-file").arg(config).args(["--no-color", "run"]);
    command.arg(format!("{}/openapi.json", relay.url()));
    // Both forms, or it makes up the one that is not given.
    command.arg("--header").arg(format!("Authorization: Bearer {KEY}"));
    command.arg("--header").arg(format!("X-API-Key: {KEY}"));
    command.args(["--seed", SEED, "--max-examples", MAX_EXAMPLES, "--checks", "all"]);
    command.args(["--workers", "1", "--continue-on-failure", "--generation-database", "none"]);
    // They are guesses, by how often generated data is refused.
    command.args(["--warnings", "off"]);
    // It leaves files where it runs.
    let said = run(command.current_dir(data.path()));
    assert_eq!(said.code, Some(0), "{}", said.all());
    assert!(said.stdout.contains("No issues found"), "{}", said.all());
    relay.stop().await;
}
