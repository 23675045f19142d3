use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use linkrelay_fake_youtube::pages::{expected, is_video_id};
use linkrelay_fake_youtube::{CorpusCase, FakeYouTube, FakeYouTubeSettings};
use serde_json::{Value, json};

use crate::helpers::{self, ID, TestYouTube, served_as};

fn pack(path: &Path, body: &str) {
    let mut file = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    file.write_all(body.as_bytes()).unwrap();
    file.finish().unwrap();
}

fn write_case(folder: &Path, name: &str, captured_on: &str, rest: Value) {
    let mut about = json!({"case": name, "captured_on_or_before": captured_on});
    about.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let case = folder.join(name);
    std::fs::create_dir(&case).unwrap();
    std::fs::write(case.join("expected.json"), about.to_string()).unwrap();
    let is_html = about["kind"].as_str().unwrap().ends_with("html");
    pack(
        &case.join(if is_html { "body.html.gz" } else { "body.json.gz" }),
        &format!("body of {name}"),
    );
}

/// Two pages of one video, its player response, a captcha, a page about nothing.
async fn start_with_small_corpus() -> (tempfile::TempDir, TestYouTube) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name, captured_on, rest| write_case(folder.path(), name, captured_on, rest);
    write("page-new", "2025-01-01", json!({"kind": "watch html", "video_id": ID, "status": "ok"}));
    write("page-old", "2019-01-01", json!({"kind": "watch html", "video_id": ID, "status": "ok"}));
    write("player", "2025-01-01", json!({"kind": "player json", "video_id": ID, "status": "ok"}));
    write(
        "captcha",
        "2021-01-01",
        json!({"kind": "error html", "video_id": null, "status": "captcha"}),
    );
    write(
        "channel",
        "2021-01-01",
        json!({"kind": "listing html", "video_id": null, "status": "channel"}),
    );
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
async fn an_older_page_can_take_the_id_over() {
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
async fn each_route_serves_its_own_kind_and_makes_nothing_up_about_the_same_video() {
    let (_folder, youtube) = start_with_small_corpus().await;
    let player = youtube.player(ID, "ANDROID").await;
    assert_eq!(player.headers()["content-type"], "application/json; charset=UTF-8");
    assert_eq!(player.text().await.unwrap(), "body of player");
    assert_eq!(youtube.oembed(ID).await.status().as_u16(), 404);
    let other = "AAAAAAAAAAA";
    assert_eq!(helpers::json(youtube.oembed(other).await).await["title"], expected(other).title);
    let captcha = youtube.watch(&served_as(&youtube.fake, "captcha").unwrap()).await;
    assert_eq!(
        (captcha.status().as_u16(), captcha.text().await.unwrap().as_str()),
        (429, "body of captcha")
    );
    let channel = youtube.watch(&served_as(&youtube.fake, "channel").unwrap()).await;
    assert_eq!(
        (channel.status().as_u16(), channel.text().await.unwrap().as_str()),
        (200, "body of channel")
    );
}

#[tokio::test]
async fn a_case_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let settings =
            FakeYouTubeSettings { corpus: Some(folder.path().to_owned()), ..Default::default() };
        format!("{:#}", FakeYouTube::start(settings).await.unwrap_err())
    };
    assert!(start().await.contains("no captured answer"));
    write_case(folder.path(), "strange", "2025-01-01", json!({"kind": "watch html"}));
    std::fs::write(folder.path().join("strange/expected.json"), r#"{"kind": "smoke signal"}"#)
        .unwrap();
    let error = start().await;
    assert!(error.contains("strange") && error.contains("smoke signal"), "{error}");
}

/// Where a kind is served, and its body there.
async fn ask_for(youtube: &TestYouTube, case: &CorpusCase) -> (u16, String) {
    let response = match case.kind.as_str() {
        "player json" => youtube.player(&case.served_as, "ANDROID").await,
        "oembed json" => youtube.oembed(&case.served_as).await,
        _ => youtube.watch(&case.served_as).await,
    };
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_whole_corpus_is_served_as_it_was_captured() {
    // Without the folder there is nothing to prove; the small corpus above proves the rest.
    let Some(folder) = std::env::var_os("LINKRELAY_CORPUS") else { return };
    let youtube = TestYouTube::start_with(|settings| settings.corpus = Some(folder.into())).await;
    let cases = youtube.fake.corpus_cases();
    assert!(cases.len() >= 30, "{}", cases.len());
    for case in &cases {
        let (status, body) = ask_for(&youtube, case).await;
        let is_captcha = case.expected["status"] == "captcha";
        assert_eq!(status, if is_captcha { 429 } else { 200 }, "{}", case.name);
        if let Some(title) = case.expected["title"].as_str() {
            let start: String =
                title.chars().take_while(|character| !"\"&'’–|".contains(*character)).collect();
            assert!(body.contains(start.trim()), "{} has no {start:?}", case.name);
        }
        if case.carries.as_deref() == Some(case.served_as.as_str()) {
            assert!(
                body.contains(&case.served_as) || case.expected["title"].is_null(),
                "{}",
                case.name
            );
        }
    }
}
