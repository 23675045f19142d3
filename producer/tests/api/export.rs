//! `GET /export`.

use linkrelay_common::RequestId;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{failed, stored, title};
use linkrelay_store::testing::Method;
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{
    NO_BROKER, TestApp, WRONG_SELECTIONS, answer, assert_each_is_named, settings, until,
};

/// An app with stored videos, and one that failed.
async fn app_with_videos(stored_count: u32) -> TestApp {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(stored_count + 1);
    let mut documents: Vec<_> = (0..stored_count).map(|index| stored(id, index)).collect();
    documents.push(failed(id, stored_count));
    app.store.write_batch(&documents).await.unwrap();
    app
}

/// The body of an export, and whether its connection broke.
async fn read(app: &TestApp, path: &str) -> (String, bool) {
    let mut response = app.request("GET", path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (String::from_utf8(body).unwrap(), false),
            Err(_) => return (String::from_utf8(body).unwrap(), true),
        }
    }
}

#[tokio::test]
async fn a_csv_is_refused_over_http_1_0_where_a_break_looks_like_the_end() {
    let app = app_with_videos(1).await;
    let by_1_0 = |path: &str| app.request("GET", path).version(reqwest::Version::HTTP_10);
    let refused = answer(by_1_0("/export?format=csv")).await;
    refused.assert_problem(400, "bad_query");
    assert!(refused.json["detail"].as_str().unwrap().starts_with("format: csv needs HTTP/1.1"));
    let whole = by_1_0("/export?format=ndjson").send().await.unwrap().text().await.unwrap();
    assert!(whole.ends_with("{\"end\":true,\"rows\":2}\n"), "{whole}");
    app.stop().await;
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn records(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
}

#[tokio::test]
async fn json_lines_are_the_entries_of_videos_and_the_last_says_how_many() {
    let app = app_with_videos(3).await;
    let response = app.request("GET", "/export").send().await.unwrap();
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/x-ndjson");
    assert_eq!(header("cache-control"), "no-store");
    let disposition = header("content-disposition");
    assert!(disposition.starts_with("attachment; filename=\"linkrelay-videos-"), "{disposition}");
    assert!(disposition.ends_with("Z.ndjson\""), "{disposition}");

    let (text, is_broken) = read(&app, "/export?format=ndjson").await;
    assert!(!is_broken);
    let mut rows = lines(&text);
    assert_eq!(rows.pop(), Some(json!({ "end": true, "rows": 4 })));
    let cursors: Vec<String> = rows
        .iter_mut()
        .map(|row| row.as_object_mut().unwrap().remove("cursor").unwrap())
        .map(|cursor| cursor.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(json!(rows), app.get("/videos").await.json["videos"]);
    for (position, cursor) in cursors.iter().enumerate() {
        let (rest, _) = read(&app, &format!("/export?after={cursor}")).await;
        assert_eq!(lines(&rest).pop(), Some(json!({ "end": true, "rows": 3 - position })));
        assert!(text.contains(rest.rsplit_once("{\"end\"").unwrap().0));
    }
    let (selected, _) = read(&app, "/export?status=failed&order=asc&sort=first_seen").await;
    assert_eq!(lines(&selected)[0]["error"]["code"], "private");
    assert_eq!(lines(&selected).len(), 2);
    app.stop().await;
}

#[tokio::test]
async fn a_csv_has_a_header_and_guards_what_a_spreadsheet_would_compute() {
    let app = TestApp::with_acks().await;
    let mut formula = stored(RequestId::new(1), 0);
    let video = formula.video.as_mut().unwrap();
    video.title = "=HYPERLINK(\"http://x\")".to_owned();
    video.keywords = Some(vec!["a|b".to_owned(), "c\\".to_owned()]);
    app.store.write_batch(&[formula, stored(RequestId::new(2), 1)]).await.unwrap();
    let response = app.request("GET", "/export?format=csv").send().await.unwrap();
    let media_type = "text/csv; charset=utf-8; header=present";
    assert_eq!(response.headers()["content-type"], media_type);
    let (text, is_broken) = read(&app, "/export?format=csv&sort=published").await;
    assert!(!is_broken);
    assert!(text.starts_with("video_id,status,title,channel_id,") && text.ends_with("\r\n"));
    let header = text.lines().next().unwrap().split(',').collect::<Vec<_>>();
    let of = |row: &csv::StringRecord, name: &str| {
        let position = header.iter().position(|column| *column == name).unwrap();
        row[position].to_owned()
    };
    let rows = records(&text);
    assert_eq!(rows.len(), 2);
    assert_eq!(of(&rows[0], "title"), title(1));
    assert_eq!(of(&rows[1], "title"), "'=HYPERLINK(\"http://x\")");
    assert_eq!(of(&rows[1], "keywords"), r"a\|b|c\\");
    assert_eq!(of(&rows[1], "chapters"), "0 Intro");
    assert_eq!(of(&rows[1], "channel_subscribers"), (u64::from(u32::MAX) + 1).to_string());
    // A number before 1970 is no text.
    assert_eq!(of(&rows[1], "cursor"), "-1500.1");
    let (rest, _) = read(&app, "/export?format=csv&sort=published&after=-1500.2").await;
    assert_eq!(records(&rest), rows[1..]);
    let (raw, _) = read(&app, "/export?format=csv&raw=true&bom=true").await;
    assert!(raw.starts_with('\u{feff}') && raw.contains("\"=HYPERLINK(\"\"http://x\"\")\""));
    let (neither, _) = read(&app, "/export?format=csv&raw=false&bom=false").await;
    assert!(neither.starts_with("video_id"));
    app.stop().await;
}

#[tokio::test]
async fn an_export_that_cannot_go_on_breaks_and_says_where() {
    let app = app_with_videos(600).await;
    for (number, format) in ["ndjson", "csv"].into_iter().enumerate() {
        // The second page of each.
        app.store.fail(Method::Videos, 2 * number + 1..2 * number + 2);
        let (text, is_broken) = read(&app, &format!("/export?format={format}")).await;
        assert!(is_broken, "{format}");
        assert!(!text.contains("secret-host"));
        if format == "ndjson" {
            let mut rows = lines(&text);
            let last = rows.pop().unwrap();
            assert_eq!(rows.len(), 500);
            assert_eq!(last["error"]["code"], "store_unavailable");
            assert_eq!(last["error"]["status"], 503);
            assert_eq!(last["after"], rows[499]["cursor"]);
        } else {
            assert_eq!(records(&text).len(), 500);
        }
    }
    app.store.fail(Method::Videos, 4..5);
    app.get("/export").await.assert_problem(503, "store_unavailable");
    let (text, _) = read(&app, "/export?after=102").await;
    assert_eq!(lines(&text).pop(), Some(json!({ "end": true, "rows": 101 })));
    app.stop().await;
}

#[tokio::test]
async fn exports_beyond_the_limit_are_refused() {
    let mut settings = settings(NO_BROKER);
    settings.api.max_exports = 1;
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    app.store.hang(Method::Videos);
    let first = tokio::spawn(answer(app.request("GET", "/export")));
    until("the first export is open", async || app.store.counts(Method::Videos).calls == 1).await;
    let refused = app.get("/export?format=csv").await;
    refused.assert_problem(503, "too_many_exports");
    assert_eq!(refused.retry_after.as_deref(), Some("5"));
    assert!(refused.json["detail"].as_str().unwrap().contains("MAX_EXPORTS"));
    first.await.unwrap().assert_problem(503, "store_unavailable");
    app.get("/export").await.assert_problem(503, "store_unavailable");
    app.stop().await;
}

#[tokio::test]
async fn every_wrong_parameter_of_an_export_is_named() {
    let app = TestApp::with_acks().await;
    assert_each_is_named(&app, "/export", &WRONG_SELECTIONS).await;
    let own = [
        "format=xml",
        "bom=true",
        "raw=true",
        "bom=false&format=ndjson",
        "bom=1&format=csv",
        "raw=yes&format=csv",
        "limit=5",
        "total=true",
        "after=1&sort=published",
        "length_below=-1",
        "format=csv&format=csv",
    ];
    assert_each_is_named(&app, "/export", &own).await;
    assert_eq!(app.store.counts(Method::Videos).calls, 0);
    app.stop().await;
}
