//! `GET /openapi.json`, and whether docs/API.md says the same.

use serde_json::Value;

use crate::helpers::TestApp;
use crate::helpers::document::{DOCUMENT, operations};

#[tokio::test]
async fn the_document_is_served_and_not_sent_twice() {
    let app = TestApp::with_acks().await;
    let sent = app.request("GET", "/openapi.json").send().await.unwrap();
    assert_eq!(sent.headers()["content-type"], "application/json");
    let etag = sent.headers()["etag"].to_str().unwrap().to_owned();
    let document: Value = sent.json().await.unwrap();
    assert_eq!(document, *DOCUMENT);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for (known, status) in [(etag.as_str(), 304), ("\"other\"", 200)] {
        let request = app.request("GET", "/openapi.json").header("if-none-match", known);
        assert_eq!(request.send().await.unwrap().status(), status, "{known}");
    }
    app.stop().await;
}

#[test]
fn every_operation_says_what_it_is_and_what_it_answers() {
    for (path, method, operation) in operations() {
        let of = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{of}");
        let tags = operation["tags"].as_array().unwrap();
        let is_known = |tag: &Value| {
            DOCUMENT["tags"].as_array().unwrap().iter().any(|known| known["name"] == *tag)
        };
        assert!(tags.len() == 1 && tags.iter().all(is_known), "{of}: {tags:?}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{of}: {parameter}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let text = response["description"].as_str().unwrap();
            assert!(text.ends_with('.'), "{of}, {status}: {text}");
            let is_problem = response["content"].get("application/problem+json").is_some();
            assert!(!is_problem || text.contains('`'), "{of}, {status}: {text}");
        }
    }
}
