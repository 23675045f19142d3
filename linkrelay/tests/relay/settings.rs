use std::process::{Command, Output};
use std::time::Duration;

use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

/// Runs a binary that must end by itself, at once.
async fn run(binary: &str, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(workspace_binary(binary).unwrap());
    command.args(arguments).env("HTTP_ADDR", "127.0.0.1:0").envs(env.iter().copied());
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let ended = wait_for("a wrong setting to end the process", LONG, SHORT, async || {
        child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
    });
    if ended.await.is_err() {
        child.kill().unwrap();
    }
    child.wait_with_output().unwrap()
}

#[tokio::test]
async fn each_wrong_setting_is_one_line_that_names_it() {
    let data = tempfile::tempdir().unwrap();
    let data_dir = data.path().display().to_string();
    let no_directory = tempfile::NamedTempFile::new().unwrap();
    let no_directory = no_directory.path().display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let wrong = [
        ("KAFKA_BROKERS", "not a broker"),
        ("KAFKA_BROKERS", "kafka:port"),
        ("KAFKA_CONFIG", "no.such.key=1"),
        ("KAFKA_CONFIG", "acks=0"),
        ("KAFKA_CONFIG", "linger.ms=often"),
        ("KAFKA_TOPIC", "no/topic"),
        ("DATA_DIR", &no_directory),
        ("HTTP_ADDR", &taken),
        ("MONGODB_URI", "mongodb://user:hunter2@"),
        ("MONGODB_URI", "mongodb://user:hunter2@127.0.0.1:1/?w=1"),
        ("MONGODB_URI", "mongodb://user:hunter2@127.0.0.1:1/?journal=false"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "linkrelay=verbose=3"),
    ];
    for (setting, value) in wrong {
        for binary in ["linkrelay-producer", "linkrelay-consumer"] {
            check(binary, &[], setting, &[("DATA_DIR", &data_dir), (setting, value)]).await;
        }
    }
    for (setting, value) in [
        ("EXTRACTORS", "watch_page,telepathy"),
        ("DRAIN_TIMEOUT", "1h"),
        ("MAX_IN_FLIGHT", "0"),
        ("PROXY_URLS", "http://proxy:3128,ftp://user:hunter2@proxy:1"),
    ] {
        let env = [("DATA_DIR", data_dir.as_str()), (setting, value)];
        check("linkrelay-consumer", &[], setting, &env).await;
        check("linkrelay", &["up"], setting, &[("EXTRACTOR_ADDR", "127.0.0.1:0"), env[0], env[1]])
            .await;
    }
}

async fn check(binary: &str, arguments: &[&str], setting: &str, env: &[(&str, &str)]) {
    let output = run(binary, arguments, env).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        matches!(output.status.code(), Some(1 | 2)),
        "{binary} {env:?}: {}\n{said}",
        output.status
    );
    assert!(!said.contains("hunter2"), "{binary} {env:?} shows a password:\n{said}");
    assert!(!said.contains("panicked"), "{binary} {env:?}:\n{said}");
    // clap names the argument, which is the variable's name in another spelling, on its first line.
    let flag = format!("--{}", setting.to_lowercase().replace('_', "-"));
    let naming = said.lines().filter(|line| line.contains(setting) || line.contains(&flag)).count();
    assert_eq!(naming, 1, "{binary} {env:?}:\n{said}");
}

#[tokio::test]
async fn help_names_every_shared_setting() {
    let mut help = String::new();
    for (binary, arguments) in [
        ("linkrelay-producer", &["--help"][..]),
        ("linkrelay-consumer", &["--help"]),
        ("linkrelay", &["up", "--help"]),
    ] {
        let output = tokio::time::timeout(Duration::from_secs(60), run(binary, arguments, &[]))
            .await
            .unwrap();
        assert!(output.status.success());
        help.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    for setting in [
        "KAFKA_BROKERS",
        "KAFKA_TOPIC",
        "KAFKA_DLQ_TOPIC",
        "KAFKA_GROUP_ID",
        "KAFKA_GROUP_PROTOCOL",
        "KAFKA_GROUP_INSTANCE_ID",
        "KAFKA_CONFIG",
        "MONGODB_URI",
        "MONGODB_DATABASE",
        "MONGODB_COLLECTION",
        "DATA_DIR",
        "HTTP_ADDR",
        "EXTRACTORS",
        "YOUTUBE_BASE_URL",
        "YOUTUBE_CA_CERT",
        "EXTRACTOR_ADDR",
        "MAX_IN_FLIGHT",
        "CONCURRENCY_PER_PARTITION",
        "MAX_ATTEMPTS",
        "DRAIN_TIMEOUT",
        "LOG_FORMAT",
    ] {
        assert!(help.contains(setting), "{setting}");
    }
}
