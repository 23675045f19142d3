//! Every operation of the document, with every kind of key.

use std::collections::{BTreeMap, BTreeSet};

use linkrelay_http::keys::{KeyEntry, KeyText, Scope, Scopes, add_key};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clients::until_refused;
use crate::helpers::document::{DOCUMENT, operations};
use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{NO_BROKER, TestApp, answer, settings, until};
use crate::openapi::example_path;

const API: &str = include_str!("../../../docs/API.md");
const OPEN: &str = "none";

/// A file of keys, and the keys in it by what they allow.
struct Keys {
    folder: TempDir,
    by_scope: BTreeMap<&'static str, KeyText>,
}

impl Keys {
    fn new() -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap(), by_scope: BTreeMap::new() };
        Scope::ALL.into_iter().fold(keys, |mut keys, scope| {
            let key = KeyText::generate();
            keys.add(&key, Scopes::from_iter([scope]), scope.as_str());
            keys.by_scope.insert(scope.as_str(), key);
            keys
        })
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("keys")
    }

    fn add(&self, key: &KeyText, scopes: Scopes, name: &str) {
        add_key(&self.path(), &KeyEntry::new(key, scopes, name).unwrap()).unwrap();
    }

    async fn app(&self) -> TestApp {
        let mut settings = settings(NO_BROKER);
        settings.keys.file = Some(self.path().into());
        TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await
    }
}

/// Returns the scope that each operation asks for; a route without one is open.
fn scopes(document: &Value) -> BTreeMap<String, String> {
    let items = document["paths"].as_object().unwrap().iter();
    let scopes = items.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let needed = operation["security"].as_array().map(|either| {
                let of = |scheme: &str| {
                    either.iter().find_map(|one| one[scheme][0].as_str()).unwrap().to_owned()
                };
                assert_eq!(either.len(), 3, "{method} {path}");
                assert_eq!(of("bearer"), of("api_key"), "{method} {path}");
                assert_eq!(of("bearer"), of("session"), "{method} {path}");
                of("bearer")
            });
            (format!("{} {path}", method.to_uppercase()), needed.unwrap_or_else(|| OPEN.to_owned()))
        })
    });
    scopes.collect()
}

#[tokio::test]
async fn an_unknown_address_counts_for_the_holder_of_the_key() {
    let keys = Keys::new();
    let mut settings = settings(NO_BROKER);
    settings.keys.file = Some(keys.path().into());
    settings.api.clients.connections.limit_loopback_clients = true;
    settings.api.clients.client_requests_per_second = 1;
    settings.api.clients.client_requests_burst = 1;
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    // Each of them has a request of its own, and so has the address without a key.
    for key in keys.by_scope.values() {
        let ask = async || answer(app.request("GET", "/nowhere").bearer_auth(key.expose())).await;
        ask().await.assert_problem(404, "not_found");
        until_refused(&ask).await.assert_problem(429, "client_requests");
    }
    app.get("/nowhere").await.assert_problem(404, "not_found");
    app.stop().await;
}

#[tokio::test]
async fn each_route_asks_for_the_scope_that_the_document_names_and_the_page_shows() {
    let keys = Keys::new();
    let app = keys.app().await;
    let served: Value =
        app.request("GET", "/openapi.json").send().await.unwrap().json().await.unwrap();
    let scopes = scopes(&served);
    for (path, method, operation) in operations() {
        let needed = scopes[&format!("{} {path}", method.to_uppercase())].as_str();
        let path = example_path(path, operation);
        let send = async |key: Option<&str>| {
            let request = app.request(&method.to_uppercase(), &path);
            let request = if method == "post" { request.json(&json!({})) } else { request };
            let request = key.iter().fold(request, |request, key| request.bearer_auth(key));
            let response = request.send().await.unwrap();
            let challenge = response.headers().get("www-authenticate");
            let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
            (response.status().as_u16(), challenge.unwrap_or_default())
        };
        let is_open = needed == OPEN;
        for key in [None, Some("lr_00_00")] {
            let (status, challenge) = send(key).await;
            assert_eq!(status == 401, !is_open, "{method} {path}: {status}");
            assert_eq!(challenge.starts_with("Bearer "), !is_open, "{method} {path}: {challenge}");
        }
        for (scope, key) in &keys.by_scope {
            let (status, challenge) = send(Some(key.expose())).await;
            let is_refused = !is_open && needed != *scope;
            assert_eq!(status == 403, is_refused, "{method} {path} with {scope}: {status}");
            let names_scope = challenge.contains(&format!("scope=\"{needed}\""));
            assert_eq!(names_scope, is_refused, "{method} {path} with {scope}: {challenge}");
            assert_ne!(status, 401, "{method} {path} with {scope}");
        }
    }
    app.stop().await;
    // The page has a row for each scope.
    let mut by_scope: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (route, scope) in &scopes {
        by_scope.entry(scope).or_default().insert(route);
    }
    let rows = API.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split("` | ");
        let (scope, routes) = (cells.next()?, cells.next()?);
        by_scope.contains_key(scope).then_some((scope, routes))
    });
    let rows: BTreeMap<&str, BTreeSet<&str>> = rows
        .map(|(scope, routes)| {
            (scope, routes.split('`').filter(|text| text.contains(" /")).collect())
        })
        .collect();
    assert_eq!(rows, by_scope);
}

/// A key that reads can change nothing, and one that submits sees nothing.
#[test]
fn every_get_needs_read_and_nothing_else_does() {
    let keys = linkrelay_http::keys::KeySettings {
        plain: Some("a-key-of-a-first-try".into()),
        ..Default::default()
    };
    let access = keys.access_needed_at("HTTP_ADDR", ([0, 0, 0, 0], 3000).into()).unwrap();
    let document = crate::helpers::document::document(&access);
    for (route, scope) in scopes(&document) {
        let is_get = route.starts_with("GET ");
        assert!(scope == OPEN || (scope == "read") == is_get, "{route}: {scope}");
    }
    assert!(scopes(&DOCUMENT).values().all(|scope| scope == OPEN), "without keys");
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_a_code_of_its_own() {
    let keys = Keys::new();
    let app = keys.app().await;
    let read = keys.by_scope["read"].expose();
    let path = "/links/send-message-kafka";
    let post = || app.request("POST", path).json(&json!({ "links": crate::helpers::LINK }));
    answer(post()).await.assert_problem(401, "no_key");
    answer(post().header("x-api-key", "lr_00_00")).await.assert_problem(401, "unknown_key");
    answer(post().header("x-api-key", read)).await.assert_problem(403, "insufficient_scope");
    // Before its body is read, and before its parameters are.
    answer(post().query(&[("unknown", "1")])).await.assert_problem(401, "no_key");
    let submit = keys.by_scope["submit"].expose();
    assert_eq!(answer(post().header("x-api-key", submit)).await.status, 201);
    assert_eq!(answer(post().bearer_auth(submit)).await.status, 201);
    // A key that is added while the server runs.
    let later = KeyText::generate();
    keys.add(&later, Scopes::all(), "later");
    until("the new key is known", async || {
        app.request("GET", "/stats").bearer_auth(later.expose()).send().await.unwrap().status()
            != 401
    })
    .await;
    app.stop().await;
}

/// Two keys at one address are two clients, and one key is a client wherever it is used; a key that
/// is not known counts for the address.
#[tokio::test]
async fn a_key_is_a_client_with_limits_of_its_own() {
    let keys = Keys::new();
    let mut settings = settings(NO_BROKER);
    settings.keys.file = Some(keys.path().into());
    settings.api.clients.connections.limit_loopback_clients = true;
    settings.api.clients.client_requests_per_second = 1;
    settings.api.clients.client_requests_burst = 3;
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    let statuses = async |key: &str| {
        let mut statuses = BTreeSet::new();
        for _ in 0..12 {
            let request = app.request("GET", "/links/x").header("x-api-key", key);
            statuses.insert(answer(request).await.status);
        }
        statuses
    };
    assert_eq!(statuses("not a key").await, [401, 429].into());
    assert_eq!(statuses(keys.by_scope["read"].expose()).await, [400, 429].into());
    assert_eq!(statuses(keys.by_scope["submit"].expose()).await, [403, 429].into());
    app.stop().await;
}
