use std::time::Duration;

use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use reqwest::{Certificate, Client, ClientBuilder, Response, redirect};
use serde_json::Value;

/// Any well-formed id.
pub(crate) const ID: &str = "dQw4w9WgXcQ";

/// A running fake and a client for it.
pub(crate) struct TestYouTube {
    pub(crate) fake: FakeYouTube,
    pub(crate) client: Client,
}

impl TestYouTube {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut FakeYouTubeSettings)) -> Self {
        let mut settings = FakeYouTubeSettings::default();
        change(&mut settings);
        let fake = FakeYouTube::start(settings).await.unwrap();
        let client = client_builder(&fake).build().unwrap();
        Self { fake, client }
    }

    pub(crate) async fn get(&self, path_and_query: &str) -> Response {
        self.try_get(path_and_query).await.unwrap()
    }

    pub(crate) async fn try_get(&self, path_and_query: &str) -> reqwest::Result<Response> {
        self.client.get(format!("{}{path_and_query}", self.fake.base_url())).send().await
    }

    pub(crate) async fn watch(&self, id: &str) -> Response {
        self.get(&format!("/watch?v={id}")).await
    }

    /// The player response inside of a watch page.
    pub(crate) async fn watch_json(&self, id: &str) -> Value {
        let response = self.watch(id).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assigned(&response.text().await.unwrap(), "ytInitialPlayerResponse")
    }

    pub(crate) async fn player(&self, id: &str, client_name: &str) -> Response {
        let body = serde_json::json!({
            "context": {"client": {"clientName": client_name, "clientVersion": "1"}}, "videoId": id,
        });
        self.post("/youtubei/v1/player", body.to_string()).await
    }

    pub(crate) async fn oembed(&self, id: &str) -> Response {
        self.get(&format!(
            "/oembed?url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D{id}&format=json"
        ))
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Response {
        self.client.post(format!("{}{path}", self.fake.base_url())).body(body).send().await.unwrap()
    }
}

/// A client that trusts this fake, follows no redirect, and takes `www.youtube.com` for it.
pub(crate) fn client_builder(fake: &FakeYouTube) -> ClientBuilder {
    let pem = std::fs::read(fake.ca_cert_path()).unwrap();
    Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(Certificate::from_pem(&pem).unwrap())
        .redirect(redirect::Policy::none())
        .resolve("www.youtube.com", fake.addr())
}

pub(crate) async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

/// The id under which the fake serves a captured answer.
pub(crate) fn served_as(fake: &FakeYouTube, name: &str) -> Option<String> {
    fake.corpus_cases().into_iter().find(|case| case.name == name).map(|case| case.served_as)
}

/// The JSON that a script of a page assigns to a variable.
pub(crate) fn assigned(page: &str, name: &str) -> Value {
    let assignment = format!("var {name} = ");
    let (_, json) = page.split_once(&assignment).expect("the page has such a variable");
    serde_json::Deserializer::from_str(json).into_iter().next().unwrap().unwrap()
}

/// Waits until something is so, with a long limit.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(30), looking).await.is_ok(),
        "never so: {what}"
    );
}
