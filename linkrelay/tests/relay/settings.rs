use std::process::{Command, Stdio};

use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

use crate::helpers::{Said, binary, said};

/// Runs a binary that must exit on its own.
async fn run(name: &str, arguments: &[&str], env: &[(&str, &str)]) -> Said {
    let mut command = Command::new(binary(name));
    command.args(arguments).env("HTTP_ADDR", "127.0.0.1:0").envs(env.iter().copied());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = wait_for("a wrong setting to end the process", LONG, SHORT, async || {
        child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
    });
    if ended.await.is_err() {
        child.kill().unwrap();
    }
    said(&child.wait_with_output().unwrap())
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
        ("ALLOWED_HOSTS", "links.example.org:80"),
        ("CLIENT_SLOTS_PERCENT", "0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ];
    for (setting, value) in wrong {
        for binary in ["linkrelay-producer", "linkrelay-consumer"] {
            check(binary, &[], setting, &[("DATA_DIR", &data_dir), (setting, value)]).await;
        }
    }
    for (setting, value) in [
        ("TRUSTED_PROXIES", "proxy"),
        ("CORS_ORIGINS", "https://app.example.org/"),
        ("CLIENT_REQUESTS_BURST", "0"),
        ("CLIENT_LINKS_BURST", "999"),
    ] {
        let env = [("DATA_DIR", data_dir.as_str()), (setting, value)];
        check("linkrelay-producer", &[], setting, &env).await;
    }
    for (setting, value) in [
        ("EXTRACTORS", "watch_page,telepathy"),
        ("DRAIN_TIMEOUT", "1h"),
        ("KEEP_DOCUMENTS_FOR", "59m"),
        ("KEEP_DOCUMENTS_FOR", "100years"),
        ("KEEP_DOCUMENTS_FOR", "long"),
        ("MAX_IN_FLIGHT", "0"),
        ("PROXY_URLS", "http://proxy:3128,ftp://user:hunter2@proxy:1"),
    ] {
        let env = [("DATA_DIR", data_dir.as_str()), (setting, value)];
        check("linkrelay-consumer", &[], setting, &env).await;
        check("linkrelay", &["up"], setting, &[("EXTRACTOR_ADDR", "127.0.0.1:0"), env[0], env[1]])
            .await;
    }
    // These are shown in logs, so that they may have no password.
    for url in ["http://user:hunter2@127.0.0.1:1", "http://user:hunter2@127.0.0.1:x"] {
        check("linkrelay-producer", &[], "EXTRACTOR_URL", &[("EXTRACTOR_URL", url)]).await;
        check("linkrelay", &["status", "x"], "LINKRELAY_URL", &[("LINKRELAY_URL", url)]).await;
    }
}

async fn check(binary: &str, arguments: &[&str], setting: &str, env: &[(&str, &str)]) {
    let Said { code, stderr: said, .. } = run(binary, arguments, env).await;
    assert!(matches!(code, Some(1 | 2)), "{binary} {env:?}: {code:?}\n{said}");
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
        let said = run(binary, arguments, &[]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        help.push_str(&said.stdout);
    }
    for setting in [
        "KAFKA_BROKERS",
        "KAFKA_TOPIC",
        "KAFKA_DLQ_TOPIC",
        "KAFKA_RESULTS_TOPIC",
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
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        assert!(help.contains(setting), "{setting}");
    }
}
