//! The files for containers, read as Docker reads them: the compose file, the Dockerfile with
//! its health check, and the list of settings. That an image builds is proved by
//! `make image-test`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../deployed/mod.rs"]
mod deployed;
mod specification;
mod start_order;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_norway::Value;

/// The services that run linkrelay's own image.
const ROLES: [&str; 2] = ["producer", "consumer"];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(workspace().join(file)).unwrap()
}

fn compose() -> Value {
    let mut compose: Value = serde_norway::from_str(&read("docker-compose.yml")).unwrap();
    compose.apply_merge().unwrap();
    compose
}

/// Walks down by keys; panics with the path if something is not there.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, key| {
        value.get(key).unwrap_or_else(|| panic!("no {key} of {path:?} in {value:?}"))
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_mapping().unwrap().keys().map(|key| text(key).to_owned()).collect()
}

fn environment(service: &str) -> BTreeMap<String, String> {
    let compose = compose();
    let environment = at(&compose, &["services", service, "environment"]).as_mapping().unwrap();
    let pair = |(name, value): (&Value, &Value)| (text(name).to_owned(), text(value).to_owned());
    environment.iter().map(pair).collect()
}

/// The settings of `.env.example` with their defaults: lines of `#NAME=default`.
fn example_settings() -> BTreeMap<String, String> {
    let text = read(".env.example");
    let setting = |line: &str| {
        let (name, default) = line.strip_prefix('#')?.split_once('=')?;
        is_setting_name(name).then(|| (name.to_owned(), default.to_owned()))
    };
    text.lines().filter_map(setting).collect()
}

fn is_setting_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

#[test]
fn the_compose_file_has_every_part_of_the_pipeline() {
    let services = keys(at(&compose(), &["services"]));
    assert_eq!(
        services,
        ["consumer", "kafka", "mongo", "producer", "topics"].map(Into::into).into()
    );
}

#[test]
fn every_service_waits_for_what_it_needs_to_be_healthy() {
    let compose = compose();
    let condition = |service: &str, on: &str| {
        text(at(&compose, &["services", service, "depends_on", on, "condition"])).to_owned()
    };
    assert_eq!(condition("topics", "kafka"), "service_healthy");
    for role in ROLES {
        assert_eq!(condition(role, "topics"), "service_completed_successfully");
        assert_eq!(condition(role, "mongo"), "service_healthy");
    }
    for healthy in ["kafka", "mongo", "producer", "consumer"] {
        at(&compose, &["services", healthy, "healthcheck", "test"]);
    }
    // A service that is restarted never counts as completed.
    assert_eq!(text(at(&compose, &["services", "topics", "restart"])), "no");
}

#[test]
fn images_are_pinned() {
    let compose = compose();
    let dockerfile = read("Dockerfile");
    let services = at(&compose, &["services"]).as_mapping().unwrap();
    let of_compose = services.values().map(|service| text(at(service, &["image"])).to_owned());
    let of_dockerfile = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM ")?.split(' ').next().map(str::to_owned));
    let images: Vec<String> = of_compose.chain(of_dockerfile).collect();
    assert_eq!(images.len(), 7, "{images:?}");
    for image in images {
        let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert!(
            tag != "latest" && tag.contains(|c: char| c.is_ascii_digit() || c == '-'),
            "{image}"
        );
    }
}

#[test]
fn the_environment_of_the_roles_is_made_of_known_settings() {
    let settings = example_settings();
    for service in ["producer", "consumer", "topics"] {
        for (name, value) in environment(service) {
            if (service, name.as_str()) == ("topics", "KAFKA_HOME") {
                continue;
            }
            let default =
                settings.get(&name).unwrap_or_else(|| panic!("{service}: {name} is unknown"));
            let Some(inner) = value.strip_prefix("${") else { continue };
            let (variable, given) = inner.strip_suffix('}').unwrap().split_once(":-").unwrap();
            assert_eq!(variable, name, "{service}");
            // Logs of containers are for collectors; an empty filter is the default one.
            let is_own =
                matches!((name.as_str(), given), ("LOG_FORMAT", "json") | ("RUST_LOG", ""));
            assert!(
                is_own || given == default,
                "{service}: {name} is {given}, by default {default}"
            );
        }
    }
}

#[test]
fn each_role_takes_its_environment() {
    for role in ROLES {
        let value = |value: String| match value.split_once(":-") {
            Some((_, default)) => default.trim_end_matches('}').to_owned(),
            None => value,
        };
        let all = environment(role).into_iter().map(|(name, given)| (name, value(given)));
        // The first lines of a service are those of all roles.
        let (own, shared) = all.partition(|(name, _)| deployed::settings_of(role).contains(name));
        deployed::check_environment(role, &own, &shared);
    }
}

#[test]
fn the_servers_listen_where_others_reach_them() {
    let compose = compose();
    assert_eq!(environment("producer")["HTTP_ADDR"], "0.0.0.0:3000");
    assert_eq!(environment("consumer")["HTTP_ADDR"], "0.0.0.0:5000");
    for role in ROLES {
        assert_eq!(environment(role)["KAFKA_BROKERS"], "kafka:19092");
        assert_eq!(environment(role)["MONGODB_URI"], "mongodb://mongo:27017");
    }
    let kafka = at(&compose, &["services", "kafka", "environment"]);
    let advertised = text(at(kafka, &["KAFKA_ADVERTISED_LISTENERS"]));
    assert!(advertised.contains("INTERNAL://kafka:19092"), "{advertised}");
    // None of the servers has a password, so their ports are open on this machine only.
    for service in ["kafka", "mongo", "producer"] {
        for port in at(&compose, &["services", service, "ports"]).as_sequence().unwrap() {
            assert!(text(port).starts_with("127.0.0.1:"), "{service}: {port:?}");
        }
    }
}

/// The file with keys: without the lines for a server that serves everyone, and with the lines
/// that are commented out (`#` and no space).
#[test]
fn the_lines_for_keys_are_complete() {
    let yaml = read("docker-compose.yml");
    let is_anonymous = |line: &&str| {
        ["LINKRELAY_ALLOW_ANONYMOUS:", "ALLOWED_HOSTS:"].iter().any(|name| line.contains(name))
    };
    let lines = yaml.lines().filter(|line| !is_anonymous(line));
    let lines = lines.map(|line| match line.trim_start().strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            line.replacen('#', "", 1)
        }
        _ => line.to_owned(),
    });
    let yaml = lines.collect::<Vec<_>>().join("\n");
    let mut with_keys: Value = serde_norway::from_str(&yaml).unwrap();
    with_keys.apply_merge().unwrap();
    for role in ROLES {
        assert_eq!(environment(role)["LINKRELAY_ALLOW_ANONYMOUS"], "true");
        let role = at(&with_keys, &["services", role]);
        assert!(role["environment"].get("ALLOWED_HOSTS").is_none());
        let file = text(at(role, &["environment", "LINKRELAY_API_KEYS_FILE"]));
        let (volume, folder) = text(&at(role, &["volumes"])[0]).split_once(':').unwrap();
        assert_eq!(file, format!("{folder}/keys"));
        assert!(keys(at(&with_keys, &["volumes"])).contains(volume), "{volume}");
        assert!(read("Dockerfile").contains(&format!("VOLUME {folder}")), "{folder}");
    }
    let variable =
        text(at(&with_keys, &["services", "producer", "environment", "EXTRACTOR_API_KEY"]));
    assert_eq!(variable, "${EXTRACTOR_API_KEY:-}");
}

#[test]
fn consumers_can_be_many() {
    let compose = compose();
    let consumer = at(&compose, &["services", "consumer"]);
    assert_eq!(at(consumer, &["deploy", "replicas"]).as_u64(), Some(2));
    for single in ["ports", "container_name", "hostname"] {
        assert!(consumer.get(single).is_none(), "{single} can belong to one container only");
    }
    assert!(!environment("consumer").contains_key("KAFKA_GROUP_INSTANCE_ID"));
}

#[test]
fn docker_waits_longer_than_a_drain_takes() {
    let compose = compose();
    for role in ROLES {
        let grace = text(at(&compose, &["services", role, "stop_grace_period"]));
        let drain = &environment(role)["DRAIN_TIMEOUT"];
        let [grace, drain] = [grace, drain].map(|text| humantime::parse_duration(text).unwrap());
        assert!(grace >= drain + Duration::from_secs(5), "{role}: {grace:?}, {drain:?}");
    }
}

#[test]
fn data_lies_in_named_volumes_and_mounted_files_exist() {
    let compose = compose();
    let named = keys(at(&compose, &["volumes"]));
    let mut used = BTreeSet::new();
    for service in ["kafka", "mongo", "topics"] {
        for volume in at(&compose, &["services", service, "volumes"]).as_sequence().unwrap() {
            let source = text(volume).split(':').next().unwrap();
            match source.strip_prefix("./") {
                Some(file) => assert!(workspace().join(file).is_file(), "{file}"),
                None => assert!(used.insert(source.to_owned()), "{source} has two owners"),
            }
        }
    }
    assert_eq!(named, used);
}

#[test]
fn the_image_runs_without_root_and_has_a_health_check() {
    let dockerfile = read("Dockerfile").replace("\\\n", " ");
    let stages: Vec<&str> = dockerfile.split("\nFROM ").skip(1).collect();
    assert_eq!(stages.len(), 2, "a stage that builds, and one that is kept");
    let last = stages[1];
    let instruction = |name: &str| {
        let found = last.lines().filter_map(|line| line.strip_prefix(name)).next_back();
        found.unwrap_or_else(|| panic!("no {name}in the last stage")).trim()
    };
    assert!(!["root", "0"].contains(&instruction("USER ")), "{}", instruction("USER "));
    assert!(instruction("HEALTHCHECK ").ends_with(r#"CMD ["linkrelay", "health"]"#));
    let version = format!("org.opencontainers.image.version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(last.contains(&version), "a release sets the version of the label as well");
    // Who may use a server is decided by the operator.
    assert!(!instruction("ENV ").contains("LINKRELAY_"), "{}", instruction("ENV "));
    assert!(!last.contains("-dev"), "what only a build needs stays in its stage");
    for binary in ["linkrelay", "linkrelay-producer", "linkrelay-consumer"] {
        assert!(stages[0].contains(&format!("target/release/{binary}")), "{binary}");
    }
}

/// As `make image-test` runs the image.
#[test]
fn the_roles_write_to_their_volume_alone_and_have_no_rights() {
    let compose = compose();
    for role in ROLES {
        let of_role = |key: &str| at(&compose, &["services", role, key]).clone();
        assert_eq!(of_role("read_only").as_bool(), Some(true), "{role}");
        assert_eq!(of_role("cap_drop")[0].as_str(), Some("ALL"), "{role}");
        assert_eq!(of_role("security_opt")[0].as_str(), Some("no-new-privileges:true"), "{role}");
    }
}

#[test]
fn the_build_sees_every_crate_and_no_secret() {
    let ignore = read(".dockerignore");
    let lines: BTreeSet<&str> = ignore.lines().collect();
    assert!(lines.contains("*"), "everything is left out but what is named");
    let files = ["Cargo.toml", "Cargo.lock", "LICENSE-MIT", "LICENSE-APACHE"];
    for needed in members().into_iter().chain(files.map(str::to_owned)) {
        assert!(lines.contains(format!("!{needed}").as_str()), "{needed} is left out");
        assert!(workspace().join(&needed).exists(), "{needed}");
    }
    assert!(lines.contains("**/.env"));
}

/// The folders of the workspace's crates.
fn members() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let (_, rest) = manifest.split_once("members = [").unwrap();
    let names = rest.split(']').next().unwrap().split(',');
    let names = names.map(|name| name.trim().trim_matches('"').to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_health_check_passes_only_for_a_healthy_role() {
    let cases = [
        (Some("HTTP/1.1 200 OK\r\n\r\n"), true),
        (Some("HTTP/1.1 503 Service Unavailable\r\n\r\n"), false),
        (Some(""), false),
        (None, false),
    ];
    for (answer, is_healthy) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = format!("0.0.0.0:{}", listener.local_addr().unwrap().port());
        let server =
            answer.map(|answer| std::thread::spawn(move || answer_once(&listener, answer)));
        let status = Command::new(env!("CARGO_BIN_EXE_linkrelay"))
            .args(["health", "--ready"])
            .env("HTTP_ADDR", addr)
            .status()
            .unwrap();
        assert_eq!(status.success(), is_healthy, "{answer:?}");
        if let Some(server) = server {
            assert_eq!(server.join().unwrap(), "GET /health/ready HTTP/1.1\r\n");
        }
    }
}

/// Reads a request's header, answers, and returns its first line.
fn answer_once(listener: &TcpListener, answer: &str) -> String {
    let (stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(&stream);
    let (mut first, mut line) = (String::new(), String::new());
    lines.read_line(&mut first).unwrap();
    while line != "\r\n" {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    (&stream).write_all(answer.as_bytes()).unwrap();
    first
}

#[test]
fn the_example_has_every_setting_that_the_code_has_and_no_other() {
    let mut in_code = BTreeSet::new();
    let apparatus = ["fake-youtube", "testkit", "load-tests"];
    for member in members().iter().filter(|member| !apparatus.contains(&member.as_str())) {
        for file in rust_files(&workspace().join(member).join("src")) {
            let code = std::fs::read_to_string(file).unwrap();
            for rest in code.split("env = \"").skip(1) {
                let name = rest.split('"').next().unwrap();
                in_code.insert(name.to_owned());
                // linkrelay_common::secrets adds a setting for the file of each secret.
                let is_secret = rest.split(")]").next().unwrap().contains("hide_env_values");
                if is_secret && !name.ends_with("_FILE") {
                    in_code.insert(format!("{name}_FILE"));
                }
            }
        }
    }
    in_code.retain(|name| is_setting_name(name));
    let in_example: BTreeSet<String> = example_settings().into_keys().collect();
    assert_eq!(in_example, in_code);
    // What a file for --config may set, whichever role reads it.
    let known = linkrelay_common::config::SETTING_NAMES.map(str::to_owned);
    assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), in_code);
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
