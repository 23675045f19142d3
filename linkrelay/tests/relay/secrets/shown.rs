use std::path::{Path, PathBuf};

use futures::future::join_all;
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::forward::{ForwardProxy, ForwardSettings};
use linkrelay_testkit::site;
use linkrelay_testkit::wait::ok_if;
use serde_json::json;

use super::command_line::Entry;
use super::markers::Markers;
use super::{CASES, Given, ended, environment, given, markers, unset_secrets};
use crate::collector::Collector;
use crate::helpers::{binary, link, until};
use crate::role::{Role, start_up};

/// What every role answers without a parameter.
const PATHS: [&str; 8] = [
    "/health/live",
    "/health/ready",
    "/metrics",
    "/processes",
    "/openapi.json",
    "/stats",
    "/requests",
    "/dlq",
];

/// The folders of one test: what is searched, and what may contain secrets.
pub(super) struct Folders {
    searched: tempfile::TempDir,
    secrets: tempfile::TempDir,
}

impl Folders {
    pub(super) fn new() -> Self {
        Self { searched: tempfile::tempdir().unwrap(), secrets: tempfile::tempdir().unwrap() }
    }

    /// The folder that is searched.
    pub(super) fn path(&self) -> &Path {
        self.searched.path()
    }

    pub(super) fn make(&self, name: &str) -> PathBuf {
        let folder = self.searched.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(super) fn keep(&self, name: &str, text: &str) {
        std::fs::write(self.searched.path().join(name.replace(['/', ' '], "-")), text).unwrap();
    }

    /// The settings of all secrets.
    fn all_secrets(&self, source: Given, markers: &Markers) -> Vec<(String, String)> {
        let setting = |case: &super::Case| {
            let value = case.value.replace("{}", markers.of(case.secret));
            given(source, case.secret, &value, self.secrets.path())
        };
        CASES.iter().map(setting).collect()
    }

    /// Asks a role everything, stops it, and keeps what it answered and wrote.
    pub(super) async fn keep_all_of(&self, role: Role, name: &str, key: &str) {
        // A sign-in, and bodies that are refused with the key elsewhere in them.
        for (number, body) in
            [json!({ "key": key }), json!(key), json!({ key: 1 }), json!({ "key": [key] })]
                .iter()
                .enumerate()
        {
            let request = reqwest::Client::new().post(format!("{}/session", role.url())).json(body);
            let answer = request.send().await.unwrap();
            let shown = format!("{} {:?}", answer.status(), answer.headers());
            self.keep(
                &format!("sign-in {number} of {name}"),
                &(shown + &answer.text().await.unwrap()),
            );
        }
        for path in PATHS {
            let (status, answer) = role.get(path).await;
            self.keep(&format!("answer of {name} {path}"), &format!("{status} {answer}"));
        }
        let log = role.log();
        self.keep(&format!("stdout of {name}"), &role.process().unwrap().stdout().unwrap());
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "{name} does not log all: {log}");
        role.stop().await;
    }
}

/// Starts a role that reaches no server, and waits until it answers.
pub(super) async fn lost_role(
    entry: &Entry,
    settings: &[(String, String)],
    folders: &Folders,
) -> Role {
    let role = site::Role::new(&entry.name(), binary(entry.program)).unwrap();
    let role = role.args(&entry.words).log_dir(folders.make("logs"));
    // The role has its own address.
    let settings: Vec<(&str, String)> = settings
        .iter()
        .filter(|(name, _)| name != "HTTP_ADDR")
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let role = Role::start(Ok(role), &settings, &[]);
    until("an answer of a role", async || {
        let answer = site::Role::get(&role, "/health/ready").await;
        answer.map_err(|error| format!("{error:#}\n{}", role.log()))
    })
    .await;
    role
}

async fn shows_no_secret(source: Given) {
    let folders = Folders::new();
    let markers = markers();
    let key = markers.of("LINKRELAY_API_KEYS");
    let data = folders.make("data");
    let mut settings = environment(&data);
    settings.extend(folders.all_secrets(source, &markers));
    settings.push(("EXTRACTORS".to_owned(), "data_api,watch_page".to_owned()));
    for entry in Entry::all().iter().filter(|entry| entry.is_role()) {
        let role = lost_role(entry, &settings, &folders).await;
        folders.keep_all_of(role, &entry.name(), key).await;
    }
    let relay = working_up(source, &markers, &folders).await;
    settings.push(("LINKRELAY_URL".to_owned(), relay.url()));
    let man = folders.make("man").display().to_string();
    let commands = Entry::all().into_iter().filter(|entry| !entry.is_role());
    let runs = commands.map(async |entry| {
        let mut command = entry.command(&man);
        command.envs(settings.iter().cloned());
        folders.keep(&format!("output of {}", entry.name()), &ended(command).await.all());
    });
    join_all(runs).await;
    let helps = Entry::all().into_iter().map(async |entry| {
        let mut help = entry.help();
        help.envs(settings.iter().cloned());
        folders.keep(&format!("help of {}", entry.name()), &ended(help).await.done());
    });
    join_all(helps).await;
    folders.keep_all_of(relay, "linkrelay up", key).await;
    assert_eq!(markers.found_in(folders.searched.path()), Vec::<String>::new());
}

/// Starts everything in one process, and has it ask for a list with the key of the Data API, for its
/// videos through a proxy with a password, and a collector with a key to take its spans.
async fn working_up(source: Given, markers: &Markers, folders: &Folders) -> Role {
    let fake = FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap();
    let password = markers.of("PROXY_URLS").to_owned();
    let credentials = Some(("user".to_owned(), password.clone()));
    let settings = ForwardSettings { credentials, ..ForwardSettings::default() };
    let proxy = ForwardProxy::start(settings).await.unwrap();
    let collector = Collector::start().await;
    let api_key = markers.of("OTEL_EXPORTER_OTLP_HEADERS");
    let headers = format!("api-key={api_key}");
    let proxy_urls = format!("http://user:{password}@{}", proxy.addr());
    let role = site::Role::new("up", binary("linkrelay")).unwrap();
    let role = role.args(["up"]).log_dir(folders.make("logs")).envs(unset_secrets()).envs([
        ("RUST_LOG".to_owned(), "trace".to_owned()),
        ("EXTRACTORS".to_owned(), "watch_page".to_owned()),
        ("YOUTUBE_BASE_URL".to_owned(), fake.base_url()),
        ("YOUTUBE_CA_CERT".to_owned(), fake.ca_cert_path().display().to_string()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url().to_owned()),
        given(source, "OTEL_EXPORTER_OTLP_HEADERS", &headers, &up_secrets(folders)),
        given(source, "PROXY_URLS", &proxy_urls, &up_secrets(folders)),
        given(source, "YOUTUBE_API_KEY", markers.of("YOUTUBE_API_KEY"), &up_secrets(folders)),
    ]);
    let relay = start_up(Ok(role), &folders.make("data-of-up"), &[]).ready().await;
    let list = "https://www.youtube.com/playlist?list=PLmade-up_12";
    let id = relay.post_valid(&json!([link(1), list])).await;
    let status = relay.until_nothing_is_pending(&id).await;
    assert_eq!(status["stored"], 13, "{status}");
    assert!(proxy.tunnels() > 0);
    until("spans with the key", async || {
        let headers = collector.headers();
        let has_key = headers.iter().any(|headers| headers["api-key"] == api_key);
        ok_if(has_key, format!("{headers:?}"))
    })
    .await;
    fake.stop().await;
    relay
}

fn up_secrets(folders: &Folders) -> PathBuf {
    let folder = folders.secrets.path().join("up");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_and_no_command_shows_a_secret_of_its_environment() {
    shows_no_secret(Given::Variable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_file_works_and_is_shown_by_no_role_and_no_command() {
    shows_no_secret(Given::File).await;
}
