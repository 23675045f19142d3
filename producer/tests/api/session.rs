//! `/session`: a browser signs in with a key, uses the session, and signs out.

use linkrelay_http::keys::{KeyEntry, KeyText, add_key, revoke_key};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::helpers::document::check_empty;
use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, NO_BROKER, TestApp, answer, settings, until};

struct Site {
    app: TestApp,
    folder: TempDir,
    key: KeyText,
    origin: String,
}

impl Site {
    /// Starts a server with a key of these scopes.
    async fn start(
        scopes: &str,
        change: impl FnOnce(&mut linkrelay_producer::ProducerSettings),
    ) -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), KeyText::generate());
        let path = folder.path().join("keys");
        let entry = KeyEntry::new(&key, scopes.parse().unwrap(), "the user").unwrap();
        add_key(&path, &entry).unwrap();
        // A server without keys in its file does not start, nor does it go on.
        let other = KeyEntry::new(&KeyText::generate(), "read".parse().unwrap(), "other").unwrap();
        add_key(&path, &other).unwrap();
        let mut settings = settings(NO_BROKER);
        settings.keys.file = Some(path.into());
        settings.keys.plain = Some("a-plain-key-of-a-first-try".into());
        change(&mut settings);
        let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
        let origin = format!("http://{}", app.addr);
        Self { app, folder, key, origin }
    }

    fn sign_in_with(&self, key: &str) -> RequestBuilder {
        self.app.request("POST", "/session").json(&json!({ "key": key }))
    }

    /// Signs in, and returns the state and the cookie, with its attributes.
    async fn sign_in(&self, key: &str) -> (Value, String) {
        let response = self.sign_in_with(key).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        (response.json().await.unwrap(), cookie)
    }

    /// What the cookie alone says.
    fn pair(cookie: &str) -> String {
        cookie.split(';').next().unwrap().to_owned()
    }

    async fn state(&self, cookie: &str) -> Value {
        let request = self.app.request("GET", "/session").header("cookie", cookie);
        let answer = answer(request).await;
        assert_eq!(answer.status, 200);
        answer.json
    }
}

#[tokio::test]
async fn a_browser_signs_in_reads_writes_and_signs_out() {
    let site = Site::start("submit,read", |_| {}).await;
    let before = site.state("").await;
    let none = json!({"keys_required": true, "signed_in": false, "name": null, "scopes": [], "expires_at": null});
    assert_eq!(before, none);
    answer(site.sign_in_with(site.key.expose())).await;
    let (state, cookie) = site.sign_in(site.key.expose()).await;
    assert_eq!(
        state,
        json!({"keys_required": true, "signed_in": true, "name": "the user",
            "scopes": ["submit", "read"], "expires_at": state["expires_at"]})
    );
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains(site.key.expose()), "{cookie}");
    let cookie = Site::pair(&cookie);
    assert_eq!(site.state(&cookie).await, state);
    let stats = site.app.request("GET", "/stats").header("cookie", &cookie);
    assert_eq!(answer(stats).await.status, 200);
    let post = || {
        let body = json!({ "links": LINK });
        site.app.request("POST", "/links/send-message-kafka").json(&body).header("cookie", &cookie)
    };
    assert_eq!(answer(post().header("origin", &site.origin)).await.status, 201);
    answer(post().header("origin", "http://127.0.0.1:1")).await.assert_problem(403, "wrong_origin");
    answer(post()).await.assert_problem(403, "wrong_origin");
    // It may only do what the key may.
    let replay = site.app.request("POST", "/dlq/replay").json(&json!({}));
    let replay = replay.header("cookie", &cookie).header("origin", &site.origin);
    answer(replay).await.assert_problem(403, "insufficient_scope");
    let sign_out = || site.app.request("DELETE", "/session").header("cookie", &cookie);
    answer(sign_out().header("origin", "null")).await.assert_problem(403, "wrong_origin");
    let signed_out = sign_out().header("origin", &site.origin).send().await.unwrap();
    check_empty("DELETE", "/session", signed_out.status().as_u16());
    assert_eq!(signed_out.status(), 204);
    let gone = signed_out.headers()["set-cookie"].to_str().unwrap();
    assert!(gone.starts_with("linkrelay_session=;") && gone.ends_with("Max-Age=0"), "{gone}");
    site.app.stop().await;
}

#[tokio::test]
async fn a_sign_in_is_refused_with_a_reason_and_shows_no_key() {
    let site = Site::start("read", |_| {}).await;
    answer(site.sign_in_with("lr_00_00")).await.assert_problem(401, "unknown_key");
    answer(site.sign_in_with("")).await.assert_problem(401, "unknown_key");
    let foreign = site.sign_in_with(site.key.expose()).header("origin", "https://evil.test");
    answer(foreign).await.assert_problem(403, "wrong_origin");
    for body in [json!("a-secret"), json!({ "a-secret": 1 }), json!({ "key": ["a-secret"] })] {
        let refused = answer(site.app.request("POST", "/session").json(&body)).await;
        refused.assert_problem(400, "bad_body");
        assert!(!refused.json.to_string().contains("secret"), "{refused:?}");
    }
    let (plain, cookie) = site.sign_in(" a-plain-key-of-a-first-try ").await;
    assert_eq!((&plain["name"], plain["scopes"].as_array().unwrap().len()), (&json!("key-1"), 3));
    assert_eq!(site.state(&Site::pair(&cookie)).await["name"], "key-1");
    site.app.stop().await;
    let open = TestApp::with_acks().await;
    let state = open.get("/session").await;
    let all = json!(["submit", "read", "admin"]);
    assert_eq!((&state.json["keys_required"], &state.json["scopes"]), (&json!(false), &all));
    let sign_in = open.request("POST", "/session").json(&json!({ "key": "x" }));
    answer(sign_in).await.assert_problem(409, "no_keys");
    open.stop().await;
}

#[tokio::test]
async fn a_session_ends_in_time_and_with_its_key() {
    let site = Site::start("read", |settings| {
        settings.api.session_duration = std::time::Duration::from_secs(1);
    })
    .await;
    let (_, cookie) = site.sign_in(site.key.expose()).await;
    let cookie = Site::pair(&cookie);
    let stats = async || answer(site.app.request("GET", "/stats").header("cookie", &cookie)).await;
    until("the session has ended", async || stats().await.status == 401).await;
    stats().await.assert_problem(401, "session_expired");
    assert_eq!(site.state(&cookie).await["signed_in"], false);
    let path = site.folder.path().join("keys");
    revoke_key(&path, site.key.id()).unwrap().unwrap();
    until("the key is revoked", async || stats().await.json["code"] == "unknown_session").await;
    stats().await.assert_problem(401, "unknown_session");
    site.app.stop().await;
}

/// With TLS in front, as the trusted proxy says; and a session has the limits of its key.
#[tokio::test]
async fn a_session_behind_a_trusted_proxy_is_secure_and_has_the_limits_of_its_key() {
    let site = Site::start("read", |settings| {
        let clients = &mut settings.api.clients;
        clients.connections.trusted_proxies = "127.0.0.1".parse().unwrap();
        clients.client_requests_per_second = 1;
        clients.client_requests_burst = 4;
    })
    .await;
    let behind = |request: RequestBuilder, client: &str| {
        let request =
            request.header("x-forwarded-for", client).header("x-forwarded-proto", "https");
        request.header("x-forwarded-host", "links.example.org")
    };
    let sign_in = behind(site.sign_in_with(site.key.expose()), "192.0.2.1");
    let response = sign_in.header("origin", "https://links.example.org").send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-linkrelay_session="), "{cookie}");
    assert!(cookie.split("; ").any(|part| part == "Secure"), "{cookie}");
    let cookie = Site::pair(&cookie);
    // Wherever the browser is, it is one client.
    let mut statuses = Vec::new();
    for last in 0..12 {
        let stats = site.app.request("GET", "/stats").header("cookie", &cookie);
        statuses.push(answer(behind(stats, &format!("198.51.100.{last}"))).await.status);
    }
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    // Attempts have the limits of the address.
    let mut attempts = Vec::new();
    for _ in 0..12 {
        attempts.push(answer(behind(site.sign_in_with("lr_00_00"), "192.0.2.9")).await.status);
    }
    assert!(attempts.contains(&401) && attempts.contains(&429), "{attempts:?}");
    site.app.stop().await;
}
