//! What podman-compose makes of the compose file, with an engine that only writes down what it is
//! asked: which container waits for which, with which health check and environment. No container
//! runs here, and Docker's own compose may differ where the specification leaves it free.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use linkrelay_testkit::tools::podman_compose;

use crate::{ROLES, environment, workspace};

/// Answers like a podman that has no container yet, and finds each one healthy.
const ENGINE: &str = r#"#!/bin/sh
printf '%s\037' "$@" >>"$0.calls"
echo >>"$0.calls"
case $1 in
  --version) echo 'podman version 5.0.0' ;;
  ps) echo '[]' ;;
esac
"#;

/// The calls of the engine for `up`, each as its words.
fn calls_of_up(folder: &Path) -> Vec<Vec<String>> {
    let engine = folder.join("podman");
    fs::write(&engine, ENGINE).unwrap();
    fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
    // Without a file `.env` that a developer may have.
    for file in ["docker-compose.yml", "kafka-topics.sh"] {
        fs::copy(workspace().join(file), folder.join(file)).unwrap();
    }
    let mut command = Command::new(podman_compose().unwrap());
    command.current_dir(folder).arg("--podman-path").arg(&engine).args(["up", "-d", "--no-build"]);
    for name in environment("producer").keys().chain(environment("consumer").keys()) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = fs::read_to_string(folder.join("podman.calls")).unwrap();
    let words = |line: &str| line.split_terminator('\u{1f}').map(str::to_owned).collect();
    calls.lines().map(words).collect()
}

/// The service of a container's name: `linkrelay_kafka_1`.
fn service(container: &str) -> &str {
    container.split('_').nth(1).unwrap_or_else(|| panic!("{container} names no service"))
}

/// What a start must come after: the health or the end of another container.
fn waits(calls: &[Vec<String>], of: &str) -> Vec<String> {
    let is_start = |call: &[String]| call[0] == "start";
    let start = calls.iter().position(|call| is_start(call) && service(&call[1]) == of);
    let start = start.unwrap_or_else(|| panic!("{of} is not started: {calls:?}"));
    let before = calls[..start].iter().rev().take_while(|call| !is_start(call));
    let mut waits: Vec<String> = before
        .filter(|call| call[0] == "wait")
        .flat_map(|call| {
            let condition = call[1].trim_start_matches("--condition=");
            call[2..].iter().map(move |name| format!("{} {condition}", service(name)))
        })
        .collect();
    waits.sort();
    waits
}

#[test]
fn nothing_starts_before_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let calls = calls_of_up(folder.path());
    for (of, wanted) in [
        ("kafka", &[][..]),
        ("mongo", &[]),
        ("topics", &["kafka healthy"]),
        // podman-compose also waits for what `topics` waits for.
        ("producer", &["kafka healthy", "mongo healthy", "topics stopped"]),
        ("consumer", &["kafka healthy", "mongo healthy", "topics stopped"]),
    ] {
        assert_eq!(waits(&calls, of), wanted, "{of}");
    }
}

#[test]
fn a_role_has_the_health_check_and_the_environment_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let calls = calls_of_up(folder.path());
    for role in ROLES {
        let name = format!("--name=linkrelay_{role}_1");
        let create = calls.iter().find(|call| call[0] == "create" && call.contains(&name));
        let create = create.unwrap_or_else(|| panic!("{role} is not created"));
        let after = |option: &str| {
            let pairs = create.windows(2).filter(|pair| pair[0] == option);
            pairs.map(|pair| pair[1].clone()).collect::<Vec<_>>()
        };
        assert_eq!(after("--health-cmd"), [r#"["linkrelay", "health", "--ready"]"#], "{role}");
        assert_eq!(create.last().unwrap(), &format!("linkrelay-{role}"));
        let given: BTreeMap<String, String> = after("-e")
            .iter()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for (name, value) in environment(role) {
            // `${NAME:-default}`, of which nothing is set here.
            let default = value.strip_prefix("${").and_then(|inner| inner.split_once(":-"));
            let wanted = default.map_or(value.as_str(), |(_, rest)| rest.trim_end_matches('}'));
            assert_eq!(given.get(&name).map(String::as_str), Some(wanted), "{role}: {name}");
        }
    }
}
