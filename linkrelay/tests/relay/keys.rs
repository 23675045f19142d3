use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use linkrelay_testkit::wait::ok_if;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helpers::{Said, binary, link, run, until, until_is};
use crate::role::{Role, stop, up};
use crate::site::Site;

const SUBMIT: &str = "/links/send-message-kafka";
pub(crate) const WAITING: &str = "/links/send-message-http";
/// How many keys a file may have without any request being slower.
const MANY_KEYS: usize = 10_000;

/// A file of keys that the command writes.
pub(crate) struct Keys {
    folder: TempDir,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    pub(crate) fn text(&self) -> String {
        self.path().display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(binary("linkrelay"));
        run(command.arg("keys").args(arguments).env("LINKRELAY_API_KEYS_FILE", self.path()))
    }

    /// Makes a key, and returns what the command prints on stdout: the key.
    pub(crate) fn add(&self, name: &str, scopes: &str) -> String {
        let said = self.command(&["add", "--name", name, "--scopes", scopes]);
        assert_eq!(said.code, Some(0), "{}", said.all());
        said.stdout.trim_end().to_owned()
    }

    /// Revokes a key, and returns what the command says.
    fn revoke(&self, key: &str) -> String {
        let said = self.command(&["revoke", id_of(key)]);
        assert_eq!(said.code, Some(0), "{}", said.all());
        said.stderr
    }

    pub(crate) fn env(&self) -> [(&'static str, String); 1] {
        [("LINKRELAY_API_KEYS_FILE", self.text())]
    }
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

fn secret_of(key: &str) -> &str {
    key.split('_').nth(2).unwrap()
}

pub(crate) fn request(role: &Role, method: &str, path: &str) -> RequestBuilder {
    let method: Method = method.parse().unwrap();
    let is_post = method == Method::POST;
    let request = reqwest::Client::new().request(method, role.url() + path);
    if is_post { request.json(&json!({ "links": link(0) })) } else { request }
}

pub(crate) async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

pub(crate) async fn with_key(role: &Role, method: &str, path: &str, key: &str) -> u16 {
    status(request(role, method, path).bearer_auth(key)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scope_opens_its_routes_on_both_roles_and_no_other() {
    let (site, keys) = (Site::new().await, Keys::new());
    let submit = keys.add("the site", "submit");
    let read = keys.add("the report", "read");
    let admin = keys.add("the operator", "admin");
    let forwarded = keys.add("the producer", "submit");
    let file = keys.text();
    let keys_file = ("LINKRELAY_API_KEYS_FILE", file.as_str());
    let producer = [keys_file, ("EXTRACTOR_API_KEY", forwarded.as_str())];
    let (producer, consumer) = site.roles_of_both_paths(&producer, &[keys_file]).await;
    let id = "0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-1";
    let (of_request, retry) = (format!("/links/{id}"), format!("/links/{id}/retry"));
    for (role, method, path, needed) in [
        (&producer, "POST", SUBMIT, &submit),
        (&producer, "POST", WAITING, &submit),
        (&producer, "POST", "/links/parse", &submit),
        (&producer, "GET", of_request.as_str(), &read),
        (&producer, "GET", "/videos", &read),
        (&producer, "GET", "/export", &read),
        (&producer, "GET", "/requests", &read),
        (&producer, "GET", "/dlq", &read),
        (&producer, "POST", retry.as_str(), &admin),
        (&producer, "DELETE", of_request.as_str(), &admin),
        (&consumer, "POST", "/links", &submit),
    ] {
        let shown = format!("{method} {path}");
        assert_eq!(status(request(role, method, path)).await, 401, "{shown} without a key");
        for wrong in ["lr_00_00", "", &submit[..submit.len() - 1]] {
            assert_eq!(with_key(role, method, path, wrong).await, 401, "{shown} with {wrong}");
        }
        for key in [&submit, &read, &admin] {
            let refused = with_key(role, method, path, key).await == 403;
            assert_eq!(refused, key != needed, "{shown} with {key}");
        }
        let other_form = request(role, method, path).header("x-api-key", needed);
        assert!(!matches!(status(other_form).await, 401 | 403), "{shown} with X-API-Key");
    }
    for role in [&producer, &consumer] {
        for open in ["/health/live", "/health/ready", "/metrics"] {
            assert_eq!(role.get(open).await.0, 200, "{open}");
        }
    }
    let refused = request(&producer, "POST", SUBMIT).bearer_auth(&read).send().await.unwrap();
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.starts_with("Bearer ") && challenge.contains("scope=\"submit\""));
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "insufficient_scope");
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_without_the_right_key_says_which_setting_is_wrong() {
    let (site, keys) = (Site::new().await, Keys::new());
    let key = keys.add("the site", "submit,read");
    let file = keys.text();
    let keys_file = [("LINKRELAY_API_KEYS_FILE", file.as_str())];
    let (producer, consumer) = site.roles_of_both_paths(&keys_file, &keys_file).await;
    let answer = request(&producer, "POST", WAITING).bearer_auth(&key).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "bad_extractor_answer");
    assert!(problem["detail"].as_str().unwrap().contains("EXTRACTOR_API_KEY"), "{problem}");
    assert_eq!(site.documents_count().await, 0);
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_asks_the_server_sends_its_key() {
    let (data, keys) = (tempfile::tempdir().unwrap(), Keys::new());
    let (key, reader) = (keys.add("me", "submit,read"), keys.add("a reader", "read"));
    let relay = up(data.path(), &["--demo"], &keys.env()).ready().await;
    let linkrelay = |arguments: &[&str], key: &str| {
        let mut command = Command::new(binary("linkrelay"));
        command.args(arguments).env("LINKRELAY_URL", relay.url()).env("DATA_DIR", data.path());
        run(command.env("LINKRELAY_API_KEY", key))
    };
    let id = linkrelay(&["submit", "--wait", &link(1)], &key);
    assert_eq!(id.code, Some(0), "{}", id.all());
    let out = data.path().join("export.ndjson").display().to_string();
    for arguments in [
        &["status", id.stdout.trim()][..],
        &["search", "--limit", "1", "a"],
        &["export", "--format", "ndjson", "--output", &out],
        &["refresh", "--older-than", "0s"],
    ] {
        let said = linkrelay(arguments, &key);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.all());
        for wrong in ["", "lr_00_00"] {
            let said = linkrelay(arguments, wrong);
            assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.all());
            assert!(said.stderr.contains("LINKRELAY_API_KEY"), "{arguments:?}: {}", said.all());
        }
    }
    let said = linkrelay(&["submit", &link(2)], &reader);
    assert_eq!(said.code, Some(1), "{}", said.all());
    assert!(said.stderr.contains("scope submit"), "{}", said.all());
    // The roles of one process use a key of their own between them.
    let waited = request(&relay, "POST", WAITING).bearer_auth(&key);
    assert_eq!(status(waited).await, 201);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_added_and_revoked_while_the_server_runs() {
    let (data, keys) = (tempfile::tempdir().unwrap(), Keys::new());
    let first = keys.add("first", "read");
    let relay = up(data.path(), &["--demo"], &keys.env()).ready().await;
    let answers = async |key: &str| with_key(&relay, "GET", "/requests", key).await;
    assert_eq!(answers(&first).await, 200);
    let second = keys.add("second", "read");
    until_is("a key that was added", 200, async || answers(&second).await).await;
    let said = keys.revoke(&first);
    assert!(!said.contains("last key"), "{said}");
    until_is("a key that was revoked", 401, async || answers(&first).await).await;
    assert_eq!(answers(&second).await, 200);
    // A file that cannot be read changes nothing, and the log says so.
    let good = fs::read(keys.path()).unwrap();
    fs::write(keys.path(), "broken").unwrap();
    let log = || async { ok_if(relay.log().contains("line 1: the scopes"), relay.log()) };
    until("the log to name the broken line", log).await;
    assert_eq!(answers(&second).await, 200);
    fs::write(keys.path(), good).unwrap();
    // The last key: from then on nothing is let in.
    let said = keys.revoke(&second);
    assert!(said.contains("the last key") && said.contains("does not start"), "{said}");
    until_is("the last key that was revoked", 401, async || answers(&second).await).await;
    let log = || async { ok_if(relay.log().contains("has no API key any more"), relay.log()) };
    until("the log to say that no client has access", log).await;
    let log = relay.log();
    let line = log.lines().find(|line| line.contains("has no API key any more")).unwrap();
    assert!(line.contains("ERROR") && line.contains("does not start"), "{line}");
    relay.stop().await;
}

fn hang_up(role: &Role) {
    let pid = role.process().unwrap().pid().to_string();
    run(Command::new("kill").args(["-HUP", &pid])).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_ends_no_role_that_has_no_file() {
    let (site, data) = (Site::new().await, tempfile::tempdir().unwrap());
    let (producer, consumer) = site.roles(&[], &[]).await;
    let relay = up(data.path(), &["--demo"], &[]).ready().await;
    for role in [&producer, &consumer, &relay] {
        hang_up(role);
        let log =
            || async { ok_if(role.log().contains("no file that it reads again"), role.log()) };
        until("the log to say that nothing is read again", log).await;
        assert_eq!(role.get("/health/live").await.0, 200);
    }
    stop([producer, consumer, relay]).await;
}

/// A change that leaves no trace in the file's length, time and name is found on SIGHUP alone.
#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_file_again() {
    let (data, keys) = (tempfile::tempdir().unwrap(), Keys::new());
    let key = keys.add("me", "read");
    let relay = up(data.path(), &["--demo"], &keys.env()).ready().await;
    let answers = async || with_key(&relay, "GET", "/requests", &key).await;
    let file = fs::File::options().read(true).write(true).open(keys.path()).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    let text = fs::read_to_string(keys.path()).unwrap();
    let other_id: String = id_of(&key).chars().rev().collect();
    assert_ne!(other_id, id_of(&key));
    std::os::unix::fs::FileExt::write_all_at(
        &file,
        text.replace(id_of(&key), &other_id).as_bytes(),
        0,
    )
    .unwrap();
    file.set_modified(modified).unwrap();
    hang_up(&relay);
    until_is("the key without a line", 401, answers).await;
    // The process has not ended: SIGHUP without a handler would end it.
    assert_eq!(relay.get("/health/live").await.0, 200);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_many_keys_costs_a_request_nothing() {
    let (data, keys) = (tempfile::tempdir().unwrap(), Keys::new());
    let first = keys.add("first", "read");
    let line = fs::read_to_string(keys.path()).unwrap();
    let line = line.lines().last().unwrap().to_owned();
    let others = (0..MANY_KEYS - 2).map(|number| {
        line.replace(id_of(&first), &format!("o{number}")).replace("first", &format!("o{number}"))
    });
    let others: Vec<String> = others.collect();
    fs::write(keys.path(), format!("{line}\n{}\n", others.join("\n"))).unwrap();
    let last = keys.add("last", "read");
    let begun = Instant::now();
    let relay = up(data.path(), &["--demo"], &keys.env()).ready().await;
    println!("ready after {:?}", begun.elapsed());
    let client = reqwest::Client::new();
    let median = async |key: &str, expected: u16| {
        let mut times = Vec::new();
        for _ in 0..200 {
            let begun = Instant::now();
            let request = client.post(relay.url() + "/links/parse").bearer_auth(key);
            assert_eq!(status(request).await, expected);
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        times[times.len() / 2]
    };
    // All of them are refused, so that nothing but the check is measured.
    let (first, last, none) =
        (median(&first, 403).await, median(&last, 403).await, median("lr_00_00", 401).await);
    println!("median of an answer with {MANY_KEYS} keys: {first:?}, {last:?}, unknown {none:?}");
    // To look at every line would take several times as long.
    let slack = Duration::from_millis(5);
    assert!(last < first * 2 + slack && none < first * 2 + slack, "{first:?}, {last:?}, {none:?}");
    let metrics = relay.metrics().await;
    let of_clients =
        metrics.lines().filter(|line| line.starts_with("linkrelay_client_requests_total"));
    let counted = of_clients.filter(|line| !line.ends_with(" 0"));
    assert_eq!(counted.count(), 3, "{metrics}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_the_metrics_have_the_name_of_a_key_and_never_the_key() {
    let (site, keys) = (Site::new().await, Keys::new());
    let site_key = keys.add("the site", "submit");
    let operator = keys.add("the operator", "read,admin");
    let forwarded = keys.add("the producer", "submit");
    let file = keys.text();
    let env = [("LINKRELAY_API_KEYS_FILE", file.as_str()), ("RUST_LOG", "trace")];
    let producer = [&env[..], &[("EXTRACTOR_API_KEY", forwarded.as_str())]].concat();
    let (producer, consumer) = site.roles_of_both_paths(&producer, &env).await;
    // A mistyped key must not be in a log either.
    let mistyped = format!("{site_key}0");
    for key in [&site_key, &operator, &mistyped] {
        for path in [SUBMIT, WAITING] {
            with_key(&producer, "POST", path, key).await;
            status(request(&producer, "POST", path).header("x-api-key", key)).await;
        }
        with_key(&consumer, "POST", "/links", key).await;
    }
    let id = "0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-1";
    assert_eq!(with_key(&producer, "DELETE", &format!("/links/{id}"), &operator).await, 409);
    let metrics = producer.metrics().await + &consumer.metrics().await;
    for (client, outcome) in [
        ("the site", "allowed"),
        ("the producer", "allowed"),
        ("the operator", "insufficient_scope"),
        ("none", "unknown_key"),
    ] {
        let labels = format!("{{client=\"{client}\",outcome=\"{outcome}\"}}");
        let line = metrics.lines().find(|line| line.contains(&labels));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{labels}: {metrics}");
    }
    let mut all = metrics;
    for role in [&producer, &consumer] {
        let process = role.process().unwrap();
        let log = process.stdout().unwrap() + &process.stderr().unwrap();
        assert!(log.contains("client=\"the site\""), "a log without names: {}", role.log());
        all.push_str(&log);
    }
    // What acts on the links of others is in the log by default.
    let deleted = all.lines().find(|line| line.contains(&format!("DELETE /links/{id}, by")));
    let deleted = deleted.unwrap_or_else(|| panic!("{}", producer.log()));
    assert!(deleted.contains("INFO") && deleted.contains("the operator"), "{deleted}");
    for key in [&site_key, &operator, &forwarded] {
        assert!(!all.contains(secret_of(key)), "the secret of {key} is in a log");
    }
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_written_by_the_command_and_has_no_key() {
    let keys = Keys::new();
    let added = keys.command(&["add", "--name", "the  site", "--scopes", "read,submit"]);
    let key = added.stdout.trim_end();
    assert_eq!(added.stdout.lines().count(), 1);
    assert!(!added.stderr.contains(secret_of(key)), "{}", added.stderr);
    let mode = keys.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(keys.path()).unwrap();
    assert!(!text.contains(secret_of(key)) && text.contains(" submit,read sha256:"), "{text}");
    // 128 bits or more.
    assert!(secret_of(key).len() >= 32, "{key}");
    let other = keys.add("other", "admin");
    let listed = keys.command(&["list"]).done();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains(id_of(key)) && listed.contains("the site"), "{listed}");
    assert!([key, &other].into_iter().all(|key| !listed.contains(secret_of(key))), "{listed}");
    keys.revoke(key);
    assert!(!keys.command(&["list"]).done().contains("the site"));
    for (arguments, code) in [
        (&["revoke", id_of(key)][..], 1),
        (&["add", "--name", ""], 1),
        (&["add", "--name", "x", "--scopes", "write"], 2),
        (&["add"], 2),
    ] {
        let said = keys.command(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.all());
    }
}
