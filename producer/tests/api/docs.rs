use std::collections::BTreeMap;
use std::io::Read;

use crate::helpers::TestApp;

/// The text of a file of /docs/, which may be compressed, and its headers.
async fn file(app: &TestApp, path: &str) -> (String, BTreeMap<String, String>) {
    let response = app.request("GET", path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let header = |(name, value): (_, &reqwest::header::HeaderValue)| {
        (ToString::to_string(name), value.to_str().unwrap().to_owned())
    };
    let headers: BTreeMap<_, _> = response.headers().iter().map(header).collect();
    let bytes = response.bytes().await.unwrap();
    let mut text = Vec::new();
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    } else {
        text = bytes.to_vec();
    }
    (String::from_utf8_lossy(&text).into_owned(), headers)
}

/// The values of an attribute in a page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.split(name).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_pages_are_served_whole_and_allow_nothing_from_elsewhere() {
    let app = TestApp::with_acks().await;
    // Followed to /docs/.
    let (page, _) = file(&app, "/docs").await;
    let scripts = attributes(&page, "src=\"");
    let files = [scripts.as_slice(), attributes(&page, "href=\"").as_slice()].concat();
    assert!(scripts.len() >= 2 && files.len() >= 4, "{page}");
    assert!(!page.contains("://") && !page.contains("<style"), "{page}");
    assert_eq!(page.matches("<script").count(), scripts.len(), "a script in the page: {page}");
    for name in files.iter().chain(&["", "index.html"]) {
        let (text, headers) = file(&app, &format!("/docs/{}", name.trim_start_matches("./"))).await;
        assert!(!text.is_empty(), "{name}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{name}");
        let policy = &headers["content-security-policy"];
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(!policy.contains("://") && !policy.contains('*'), "{policy}");
        let content_type = headers["content-type"].as_str();
        let known = ["text/html", "text/css", "text/javascript", "image/png"];
        assert!(known.contains(&content_type), "{name}: {content_type}");
    }
    let (settings, _) = file(&app, "/docs/swagger-initializer.js").await;
    assert!(settings.contains("\"/openapi.json\"") && !settings.contains("://"), "{settings}");
    for unknown in ["/docs/nothing.js", "/docs/%ff", "/docs/..%2fopenapi.json"] {
        app.get(unknown).await.assert_problem(404, "not_found");
    }
    app.stop().await;
}
