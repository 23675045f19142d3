use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::helpers::{Said, binary, run};

const ROLES: [&str; 3] = ["up", "producer", "consumer"];

/// Runs a binary in an environment without settings.
fn without_settings(name: &str, arguments: &[&str], env: &[(&str, &str)]) -> Said {
    let mut command = Command::new(binary(name));
    run(command.args(arguments).env_clear().envs(env.iter().copied()))
}

fn print(arguments: &[&str], env: &[(&str, &str)]) -> String {
    without_settings("linkrelay", &[&["config", "print"], arguments].concat(), env).done()
}

/// Each setting's value and source, by name.
fn printed(arguments: &[&str], env: &[(&str, &str)]) -> BTreeMap<String, (Value, String)> {
    let text = print(&[&["--json"], arguments].concat(), env);
    let settings: Vec<Value> = serde_json::from_str(&text).unwrap();
    let setting = |setting: &Value| {
        let text = |key: &str| setting[key].as_str().unwrap_or_default().to_owned();
        let source = format!("{} {}", text("source"), text("location")).trim().to_owned();
        (text("name"), (setting["value"].clone(), source))
    };
    settings.iter().map(setting).collect()
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("linkrelay.env");
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_comes_from_a_flag_the_environment_the_file_or_the_default() {
    let (_folder, path) = file("MAX_ATTEMPTS=2\nMAX_IN_FLIGHT=2\nLANE_QUEUE=2\nRUST_LOG=warn\n");
    let env = [("MAX_IN_FLIGHT", "3"), ("LANE_QUEUE", "3")];
    for role in ["up", "consumer"] {
        let settings = printed(&["--config", &path, role, "--", "--lane-queue", "4"], &env);
        let setting = |name: &str| (settings[name].0.as_str().unwrap(), settings[name].1.as_str());
        assert_eq!(setting("LANE_QUEUE"), ("4", "flag"));
        assert_eq!(setting("MAX_IN_FLIGHT"), ("3", "environment"));
        assert_eq!(setting("MAX_ATTEMPTS"), ("2", format!("file {path}:1").as_str()));
        assert_eq!(setting("RUST_LOG"), ("warn", format!("file {path}:4").as_str()));
        assert_eq!(setting("CONCURRENCY_PER_PARTITION"), ("64", "default"));
        assert_eq!(settings["YOUTUBE_BASE_URL"], (Value::Null, "not_set".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_a_file_with_the_same_settings() {
    let env = [
        ("KAFKA_BROKERS", "127.0.0.1:9"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b c,d=\"e\""),
        ("LINKRELAY_ALLOW_ANONYMOUS", "true"),
    ];
    for role in ROLES {
        let first = printed(&[role], &env);
        let (_folder, path) = file(&print(&[role], &env));
        let second = printed(&["--config", &path, role], &[]);
        assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>(), "{role}");
        for (name, (value, source)) in &first {
            let (again, from) = &second[name];
            assert_eq!(value, again, "{role} {name}");
            let is_left_out = value.is_null();
            assert_eq!(from.starts_with("file "), !is_left_out, "{role} {name}: {source}, {from}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_named_with_its_source_and_not_shown() {
    let (folder, path) = file("MONGODB_URI=mongodb://me:hunter2@127.0.0.1:9/\n");
    let secret = folder.path().join("key");
    std::fs::write(&secret, "hunter2-key").unwrap();
    let secret = secret.display().to_string();
    let env = [("YOUTUBE_API_KEY_FILE", secret.as_str()), ("PROXY_URLS", "http://a:hunter2@b:1")];
    for role in ["up", "consumer"] {
        let settings = printed(&["--config", &path, role], &env);
        assert_eq!(settings["MONGODB_URI"], (Value::Null, format!("file {path}:1")));
        assert_eq!(settings["YOUTUBE_API_KEY"], (Value::Null, format!("secret_file {secret}")));
        assert_eq!(settings["PROXY_URLS"], (Value::Null, "environment".to_owned()));
        let text = print(&["--config", &path, role], &env);
        assert!(text.contains(&format!("\nYOUTUBE_API_KEY_FILE={secret}\n")), "{text}");
        assert!(text.contains("; it is a secret\n#MONGODB_URI=\n"), "{text}");
        let json = print(&["--json", "--config", &path, role], &env);
        assert!(!text.contains("hunter2") && !json.contains("hunter2"), "{text}{json}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_binary_names_the_line_that_is_wrong() {
    for (line, problem) in [
        ("KAFKA_BROKER=127.0.0.1:9", "no setting KAFKA_BROKER; did you mean KAFKA_BROKERS?"),
        ("export KAFKA_BROKERS=127.0.0.1:9", "begins with `export`"),
        ("KAFKA_GROUP_ID='links'", "KAFKA_GROUP_ID: a value has no quotes around it"),
        ("MONGODB_URI=\"mongodb://me:hunter2@x\"", "MONGODB_URI: a value has no quotes around it"),
        ("DRAIN_TIMEOUT=long", "invalid value 'long' for '--drain-timeout"),
    ] {
        // Of each role a setting that the other one does not have.
        let (_folder, path) = file(&format!("MAX_EXPORTS=4\nMAX_ATTEMPTS=5\n{line}\n"));
        for (name, arguments) in
            [("linkrelay", &["up"][..]), ("linkrelay-producer", &[]), ("linkrelay-consumer", &[])]
        {
            let said = without_settings(name, &[&["--config", &path], arguments].concat(), &[]);
            assert_eq!(said.code, Some(2), "{said:?}");
            assert!(said.stderr.contains(problem), "{name}: {said:?}");
            assert!(said.stderr.contains(&format!("{path}:3")), "{name}: {said:?}");
            assert!(!said.stderr.contains("hunter2"), "{said:?}");
        }
    }
}
