//! Every secret setting of every role and command, as the help lists them, is set to a marker,
//! which must be found nowhere: logs, errors, Debug prints of a panic, help, HTTP answers, files.

/// Roles and commands, and their settings.
mod command_line;
/// Secrets in files.
mod in_files;
/// A key where the path of its file should be.
mod in_its_place;
/// The search for secrets.
mod markers;
/// Leaks that are planted, and found.
mod planted;
/// Everything runs, and nothing is shown.
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use tokio::time::timeout;

use crate::helpers::{Said, VERY_LONG, nowhere, said};
use command_line::Entry;
use markers::Markers;

/// A value of a secret with a marker in it (`{}`), and values that linkrelay refuses.
struct Case {
    secret: &'static str,
    value: &'static str,
    malformed: &'static [&'static str],
}

/// A new secret needs a line here.
const CASES: [Case; 9] = [
    Case {
        secret: "KAFKA_CONFIG",
        value: "security.protocol=SASL_PLAINTEXT,sasl.mechanism=PLAIN,sasl.username=me,sasl.password={},debug=all",
        malformed: &["sasl.password=a,{}", "{}=1", "ssl.key.password={},sasl.mechanism={}"],
    },
    Case {
        secret: "KAFKA_CONFIG_FILE",
        value: "ssl.key.password={}\n",
        malformed: &["ssl.key.password=a\n{}\n", "{}=1\n"],
    },
    Case {
        secret: "MONGODB_URI",
        value: "mongodb://user:{}@127.0.0.1:1/?serverSelectionTimeoutMS=500",
        malformed: &["mongodb://user:{}@", "mongodb://u:{}@127.0.0.1:1/?w=1", "{}"],
    },
    Case { secret: "YOUTUBE_API_KEY", value: "{}", malformed: &["{}\u{1}"] },
    Case {
        secret: "PROXY_URLS",
        value: "http://user:{}@127.0.0.1:1",
        malformed: &["ftp://user:{}@127.0.0.1:1", "http://user:{}@127.0.0.1:x", "{}"],
    },
    Case { secret: "LINKRELAY_API_KEYS", value: "{}", malformed: &["{} x", "x,{}"] },
    Case { secret: "LINKRELAY_API_KEY", value: "{}", malformed: &["{}\u{1}"] },
    Case {
        secret: "OTEL_EXPORTER_OTLP_HEADERS",
        value: "api-key={}",
        malformed: &["{}", "={}", "a b={}", "api-key={}%0A"],
    },
    // `up` replaces it by a key of its own.
    Case { secret: "EXTRACTOR_API_KEY", value: "{}", malformed: &[] },
];

/// Settings whose names look like those of secrets, and are none: `UrlWithoutPassword` or the like
/// refuses a password in them.
const NOT_SECRET: [&str; 3] = ["EXTRACTOR_URL", "LINKRELAY_URL", "YOUTUBE_BASE_URL"];
/// A path that is hidden because it may be a key by mistake; `in_its_place` has its cases.
const FILE_OF_KEYS: &str = "LINKRELAY_API_KEYS_FILE";
const LOOKS_SECRET: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "KEY",
    "CREDENTIAL",
    "AUTH",
    "PRIVATE",
    "URI",
    "URL",
    "PROXY",
];

fn case(secret: &str) -> &'static Case {
    CASES.iter().find(|case| case.secret == secret).unwrap()
}

/// How a secret is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Variable,
    File,
}

/// Returns the variable that gives a secret. A file is written to `folder`.
fn given(given: Given, secret: &str, value: &str, folder: &Path) -> (String, String) {
    if !secret.ends_with("_FILE") && (given == Given::Variable || !has_file(secret)) {
        return (secret.to_owned(), value.to_owned());
    }
    let path = folder.join(secret);
    std::fs::write(&path, format!("{value}\n")).unwrap();
    let variable = if has_file(secret) { format!("{secret}_FILE") } else { secret.to_owned() };
    (variable, path.display().to_string())
}

/// Secrets that `linkrelay` itself reads from a file: all but those whose file has its own format.
fn has_file(secret: &str) -> bool {
    !matches!(secret, "KAFKA_CONFIG" | "LINKRELAY_API_KEYS") && !secret.ends_with("_FILE")
}

/// An environment in which no server is reached, with every log line.
fn environment(data: &Path) -> Vec<(String, String)> {
    let fixed = [
        ("KAFKA_BROKERS", nowhere()),
        ("DATA_DIR", data.display().to_string()),
        ("HTTP_ADDR", nowhere()),
        ("EXTRACTOR_ADDR", nowhere()),
        ("EXTRACTORS", "watch_page".to_owned()),
        ("YOUTUBE_BASE_URL", format!("https://{}", nowhere())),
        ("LINKRELAY_URL", format!("http://{}", nowhere())),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", nowhere())),
        ("RUST_LOG", "trace".to_owned()),
        ("RUST_BACKTRACE", "full".to_owned()),
    ];
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value));
    unset_secrets().into_iter().chain(fixed).collect()
}

/// No secrets, as a compose file unsets them.
fn unset_secrets() -> Vec<(String, String)> {
    CASES.map(|case| (case.secret.to_owned(), String::new())).into()
}

/// Runs a command that must end.
async fn ended(command: Command) -> Said {
    let shown = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    let output = timeout(VERY_LONG, command.kill_on_drop(true).output()).await;
    said(&output.unwrap_or_else(|_| panic!("{shown} does not end")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_that_is_or_looks_secret_has_a_case() {
    let entries = Entry::all();
    let settings: BTreeMap<&String, bool> = entries
        .iter()
        .flat_map(|entry| &entry.settings)
        .map(|(name, hidden)| (name, *hidden))
        .collect();
    assert!(settings.len() > 50, "the help was not read: {settings:?}");
    let is_added = |name: &str| name.strip_suffix("_FILE").is_some_and(has_file);
    let secrets: BTreeSet<&str> = settings
        .iter()
        .filter(|(name, hidden)| **hidden && !is_added(name) && name.as_str() != FILE_OF_KEYS)
        .map(|(name, _)| name.as_str())
        .collect();
    let cases: BTreeSet<&str> = CASES.iter().map(|case| case.secret).collect();
    assert_eq!(secrets, cases, "a secret needs a case, and a case a secret");
    for (name, _) in settings.iter().filter(|(_, hidden)| !**hidden) {
        let looks_secret = LOOKS_SECRET.iter().any(|part| name.contains(part));
        assert!(
            !looks_secret || NOT_SECRET.contains(&name.as_str()),
            "{name}: if it is a secret, `hide_env_values = true`; if not, say so here"
        );
    }
    for secret in secrets.iter().filter(|secret| has_file(secret)) {
        assert!(settings.contains_key(&format!("{secret}_FILE")), "{secret} has no file");
    }
}

/// The markers of all cases.
fn markers() -> Markers {
    Markers::new(CASES.iter().map(|case| case.secret))
}
