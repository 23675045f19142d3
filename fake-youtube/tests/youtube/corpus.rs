use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use linkrelay_fake_youtube::pages::{expected, is_video_id};
use linkrelay_fake_youtube::{CorpusCase, FakeYouTube, FakeYouTubeSettings};
use serde_json::{Value, json};

use crate::helpers::{self, ID, TestYouTube};

/// The id under which the fake serves a captured answer.
fn served_as(fake: &FakeYouTube, name: &str) -> Option<String> {
    fake.corpus_cases().into_iter().find(|case| case.name == name).map(|case| case.served_as)
}

fn write_case(folder: &Path, name: &str, expected: &Value) {
    let case = folder.join(name);
    std::fs::create_dir(&case).unwrap();
    std::fs::write(case.join("expected.json"), expected.to_string()).unwrap();
    let is_html = expected["kind"].as_str().unwrap().ends_with("html");
    let body = case.join(if is_html { "body.html.gz" } else { "body.json.gz" });
    let mut body = GzEncoder::new(std::fs::File::create(body).unwrap(), Compression::fast());
    body.write_all(format!("body of {name}").as_bytes()).unwrap();
    body.finish().unwrap();
}

/// Two pages and a player response of one video, a captcha, and the page of a channel.
async fn start_with_small_corpus() -> (tempfile::TempDir, TestYouTube) {
    let folder = tempfile::tempdir().unwrap();
    for (name, captured_on, kind, video_id, status) in [
        ("page-new", "2025-01-01", "watch html", Some(ID), "ok"),
        ("page-old", "2019-01-01", "watch html", Some(ID), "ok"),
        ("player", "2025-01-01", "player json", Some(ID), "ok"),
        ("captcha", "2021-01-01", "error html", None, "captcha"),
        ("channel", "2021-01-01", "listing html", None, "channel"),
    ] {
        let expected = json!({
            "case": name, "captured_on_or_before": captured_on, "kind": kind,
            "video_id": video_id, "status": status,
        });
        write_case(folder.path(), name, &expected);
    }
    std::fs::write(folder.path().join("README.md"), "not a case").unwrap();
    let path = folder.path().to_owned();
    let youtube = TestYouTube::start_with(|settings| settings.corpus = Some(path)).await;
    (folder, youtube)
}

#[tokio::test]
async fn of_two_pages_of_one_video_the_newer_one_has_its_id() {
    let (_folder, youtube) = start_with_small_corpus().await;
    let names: Vec<String> =
        youtube.fake.corpus_cases().into_iter().map(|case| case.name).collect();
    assert_eq!(names, ["captcha", "channel", "page-new", "page-old", "player"]);
    assert_eq!(served_as(&youtube.fake, "page-new").unwrap(), ID);
    assert_eq!(youtube.watch(ID).await.text().await.unwrap(), "body of page-new");
    let own_id = served_as(&youtube.fake, "page-old").unwrap();
    assert!(is_video_id(&own_id) && own_id != ID, "{own_id}");
    assert_eq!(youtube.watch(&own_id).await.text().await.unwrap(), "body of page-old");
    assert_eq!(served_as(&youtube.fake, "nothing"), None);
}

#[tokio::test]
async fn an_older_page_can_be_served_instead() {
    let (_folder, youtube) = start_with_small_corpus().await;
    assert_eq!(youtube.fake.serve_corpus_case("page-old").unwrap(), ID);
    assert_eq!(youtube.watch(ID).await.text().await.unwrap(), "body of page-old");
    assert_eq!(served_as(&youtube.fake, "page-old").unwrap(), ID);
    let own_id = served_as(&youtube.fake, "page-new").unwrap();
    assert_eq!(youtube.watch(&own_id).await.text().await.unwrap(), "body of page-new");
    for (name, word) in [("captcha", "carries no id"), ("nothing", "no case nothing")] {
        let error = youtube.fake.serve_corpus_case(name).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn each_route_serves_its_own_kind_and_generates_nothing_about_the_same_video() {
    let (_folder, youtube) = start_with_small_corpus().await;
    let player = youtube.player(ID, "ANDROID").await;
    assert_eq!(player.headers()["content-type"], "application/json; charset=UTF-8");
    assert_eq!(player.text().await.unwrap(), "body of player");
    assert_eq!(youtube.oembed(ID).await.status().as_u16(), 404);
    let other = "AAAAAAAAAAA";
    assert_eq!(helpers::json(youtube.oembed(other).await).await["title"], expected(other).title);
    for (name, status) in [("captcha", 429), ("channel", 200)] {
        let page = youtube.watch(&served_as(&youtube.fake, name).unwrap()).await;
        assert_eq!(page.status(), status);
        assert_eq!(page.text().await.unwrap(), format!("body of {name}"));
    }
}

#[tokio::test]
async fn an_error_names_the_folder_or_case_that_cannot_be_read() {
    let start = async |folder: &Path| {
        let corpus = Some(folder.to_owned());
        let settings = FakeYouTubeSettings { corpus, ..FakeYouTubeSettings::default() };
        format!("{:#}", FakeYouTube::start(settings).await.unwrap_err())
    };
    assert!(start(Path::new("/no/such/folder")).await.contains("/no/such/folder"));
    let folder = tempfile::tempdir().unwrap();
    assert!(start(folder.path()).await.contains("no captured answer"));
    write_case(folder.path(), "strange", &json!({"kind": "smoke signal"}));
    let error = start(folder.path()).await;
    assert!(error.contains("strange") && error.contains("smoke signal"), "{error}");
}

#[tokio::test]
async fn the_real_corpus_is_served_as_it_was_captured() {
    // The tests of the small corpus do not need the folder.
    let Some(folder) = std::env::var_os("LINKRELAY_CORPUS").map(PathBuf::from) else { return };
    let corpus = Some(folder.clone());
    let youtube = TestYouTube::start_with(|settings| settings.corpus = corpus).await;
    let cases = youtube.fake.corpus_cases();
    assert!(cases.len() >= 30, "{}", cases.len());
    for CorpusCase { name, kind, served_as, expected, .. } in &cases {
        let response = match kind.as_str() {
            "player json" => youtube.player(served_as, "ANDROID").await,
            "oembed json" => youtube.oembed(served_as).await,
            _ => youtube.watch(served_as).await,
        };
        let status = if expected["status"] == "captcha" { 429 } else { 200 };
        assert_eq!(response.status(), status, "{name}");
        let file = if kind.ends_with("html") { "body.html.gz" } else { "body.json.gz" };
        let mut captured = Vec::new();
        let file = std::fs::File::open(folder.join(name).join(file)).unwrap();
        GzDecoder::new(file).read_to_end(&mut captured).unwrap();
        assert!(response.bytes().await.unwrap() == captured, "{name}");
    }
}
