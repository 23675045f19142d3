//! What a guard answers to each kind of key and session.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::request::Builder;
use axum::routing::get;
use axum::{Extension, Router};
use jiff::{SignedDuration, Timestamp};
use tower::ServiceExt as _;

use super::super::credential::presented;
use super::super::ring::Known;
use super::super::session;
use super::super::{KeyEntry, KeyFile, KeyHolder, KeyText};
use super::*;

async fn answer(router: &Router, request: Builder) -> (u16, Option<String>) {
    let request = request.uri("/").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge)
}

#[tokio::test]
async fn a_request_passes_only_with_a_key_that_allows_it() {
    let (reader, sender) = (KeyText::generate(), KeyText::generate());
    let entry = |key, scopes: &str| KeyEntry::new(key, scopes.parse().unwrap(), "x").unwrap();
    let entries = vec![entry(&reader, "read"), entry(&sender, "submit,admin")];
    let ring = Arc::new(KeyRing::new([], None));
    ring.replace(&KeyFile { entries });
    // A handler knows the holder, and never the key.
    let name = async |holder: Extension<KeyHolder>, headers: HeaderMap| {
        assert_eq!(presented(&headers), None);
        holder.0.name.to_string()
    };
    let routes = guard(get(name), &Access::Keys(ring), Scope::Read);
    let router = Router::new().route("/", routes);
    let bearer = |key: &KeyText| format!("Bearer {}", key.expose());
    let wrong = format!("{}0", reader.expose());
    let none = Request::builder;
    for (request, status, challenge) in [
        (none().header("Authorization", bearer(&reader)), 200, None),
        (none().header("authorization", format!("bearer  {}", reader.expose())), 200, None),
        (none().header("X-API-Key", reader.expose()), 200, None),
        (none().header("Authorization", "Basic x").header("x-api-key", reader.expose()), 200, None),
        (
            none().header("Authorization", "Bearer x").header("x-api-key", reader.expose()),
            200,
            None,
        ),
        (none().header("Authorization", bearer(&reader)).header("x-api-key", ""), 200, None),
        (none(), 401, Some("realm")),
        (none().header("Authorization", "Basic x"), 401, Some("realm")),
        (none().header("X-API-Key", wrong), 401, Some("invalid_token")),
        (none().header("X-API-Key", "\u{e9}"), 401, Some("realm")),
        (none().header("Authorization", bearer(&sender)), 403, Some("scope=\"read\"")),
    ] {
        let shown = format!("{request:?}");
        let (answered, told) = answer(&router, request).await;
        assert_eq!(answered, status, "{shown}");
        assert_eq!(told.is_some(), challenge.is_some(), "{shown}");
        let told = told.unwrap_or_default();
        assert!(challenge.is_none_or(|part| told.contains(part)), "{shown}: {told}");
    }
    let open = Router::new().route("/", guard(get("x"), &Access::Everyone, Scope::Read));
    assert_eq!(answer(&open, none()).await.0, 200);
}

/// The cookie of a key's session, which ends after this number of seconds.
fn cookie(ring: &KeyRing, key: &str, seconds: i64) -> String {
    let (id, known): (String, Known) = ring.with_text(key).unwrap();
    let expires_at = Timestamp::now() + SignedDuration::from_secs(seconds);
    format!("linkrelay_session={}", session::write(&id, &known, expires_at))
}

/// The status and code of the answer to a request with these headers.
async fn asked(router: &Router, method: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let request = Request::builder().method(method).uri("/").header("host", "me:3000");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status >= 400);
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_session_counts_as_its_key_and_every_way_to_be_wrong_has_its_answer() {
    let (reader, sender, gone) = (KeyText::generate(), KeyText::generate(), KeyText::generate());
    let entry = |key, scopes: &str| KeyEntry::new(key, scopes.parse().unwrap(), "x").unwrap();
    let mut entries = vec![entry(&reader, "read"), entry(&sender, "submit"), entry(&gone, "read")];
    let ring = Arc::new(KeyRing::new(["a-plain-key-of-a-first-try"], None));
    ring.replace(&KeyFile { entries: entries.clone() });
    let mine = cookie(&ring, reader.expose(), 60);
    let (plain, old) =
        (cookie(&ring, "a-plain-key-of-a-first-try", 60), cookie(&ring, reader.expose(), -1));
    let (senders, revoked) = (cookie(&ring, sender.expose(), 60), cookie(&ring, gone.expose(), 60));
    entries.pop();
    ring.replace(&KeyFile { entries });
    let longer = mine.replacen('.', ".9", 1);
    let (cut, twice) = (&mine[..mine.len() - 1], format!("{mine}; {mine}"));
    let (_, signature_of_another) = senders.rsplit_once('.').unwrap();
    let (signed, _) = mine.rsplit_once('.').unwrap();
    let of_another = format!("{signed}.{signature_of_another}");
    let in_a_list = format!("theme=dark; {mine}; x=\"y\"");
    // A handler sees no cookie.
    let name = async |holder: Extension<KeyHolder>, headers: HeaderMap| {
        assert!(!headers.contains_key("cookie"));
        holder.0.name.to_string()
    };
    let routes = guard(get(name), &Access::Keys(Arc::clone(&ring)), Scope::Read);
    let router = Router::new().route("/", routes);
    for (cookie, status, code) in [
        (mine.as_str(), 200, ""),
        (&in_a_list, 200, ""),
        (&plain, 200, ""),
        (&old, 401, "session_expired"),
        (&of_another, 401, "unknown_session"),
        (&revoked, 401, "unknown_session"),
        (cut, 401, "unknown_session"),
        (&longer, 401, "unknown_session"),
        (&twice, 401, "unknown_session"),
        ("linkrelay_session=", 401, "unknown_session"),
        ("linkrelay_session", 401, "no_key"),
        ("other=1", 401, "no_key"),
        (&senders, 403, "insufficient_scope"),
    ] {
        let answered = asked(&router, "GET", &[("cookie", cookie)]).await;
        assert_eq!(answered, (status, code.to_owned()), "{cookie}");
    }
    // A key in a header counts more, be it right or wrong.
    let of = async |key: &str, cookie: &str| {
        asked(&router, "GET", &[("x-api-key", key), ("cookie", cookie)]).await.1
    };
    assert_eq!(of(reader.expose(), &old).await, "");
    assert_eq!(of("lr_00_00", &mine).await, "unknown_key");
    assert_eq!(of(sender.expose(), &mine).await, "insufficient_scope");
}

#[tokio::test]
async fn a_session_writes_only_from_a_page_of_this_server() {
    let key = KeyText::generate();
    let ring = Arc::new(KeyRing::new([], None));
    let entry = KeyEntry::new(&key, "read".parse().unwrap(), "x").unwrap();
    ring.replace(&KeyFile { entries: vec![entry] });
    let session = cookie(&ring, key.expose(), 60);
    let every = get("done").post("done").delete("done").put("done").patch("done");
    let routes = guard(every, &Access::Keys(ring), Scope::Read);
    let router = Router::new().route("/", routes);
    let (origin, site) = (|value| ("origin", value), |value| ("sec-fetch-site", value));
    for (sent, may_write) in [
        (vec![origin("http://me:3000")], true),
        (vec![origin("http://ME:3000"), site("cross-site")], true),
        (vec![site("same-origin")], true),
        (vec![], false),
        (vec![origin("https://me:3000")], false),
        (vec![origin("http://me:5000")], false),
        (vec![origin("http://me")], false),
        (vec![origin("http://me:3000.evil.test")], false),
        (vec![origin("http://me:3000/")], false),
        (vec![origin("null"), site("same-origin")], false),
        (vec![origin("\u{e9}"), site("same-origin")], false),
        (vec![site("same-site")], false),
        (vec![site("none")], false),
        // The server is not behind a proxy that it trusts.
        (vec![origin("http://evil.test"), ("x-forwarded-host", "evil.test")], false),
    ] {
        for method in ["POST", "DELETE", "PUT", "PATCH", "GET", "HEAD"] {
            let sent = [&sent[..], &[("cookie", session.as_str())]].concat();
            let expected = may_write || matches!(method, "GET" | "HEAD");
            let (status, code) = asked(&router, method, &sent).await;
            assert_eq!(status, if expected { 200 } else { 403 }, "{method} {sent:?}");
            assert_eq!(code, if expected { "" } else { "wrong_origin" }, "{method} {sent:?}");
        }
        // With the key itself no page of another site could have sent it.
        let sent = [&sent[..], &[("x-api-key", key.expose())]].concat();
        assert_eq!(asked(&router, "POST", &sent).await.0, 200, "{sent:?}");
    }
}
