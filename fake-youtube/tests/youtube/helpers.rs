use std::time::Duration;

use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use reqwest::{Certificate, Client, Response, redirect};
use serde_json::Value;
use tokio::task::JoinHandle;

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
        let client = client(&fake);
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

    /// Starts a request for a page, which is not to be answered yet.
    pub(crate) async fn start_watch(&self, id: &str) -> JoinHandle<reqwest::Result<Response>> {
        let request = self.client.get(format!("{}/watch?v={id}", self.fake.base_url()));
        let waiting = tokio::spawn(request.send());
        until("a request is in flight", || self.fake.hits().in_flight == 1).await;
        waiting
    }

    /// The player response in a watch page, without the member that only a page has.
    pub(crate) async fn watch_json(&self, id: &str) -> Value {
        let response = self.watch(id).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let page = response.text().await.unwrap();
        let (_, json) = page.split_once("var ytInitialPlayerResponse = ").unwrap();
        let mut json = serde_json::Deserializer::from_str(json).into_iter::<Value>();
        let mut response = json.next().unwrap().unwrap();
        assert!(response.as_object_mut().unwrap().remove("frameworkUpdates").is_some());
        response
    }

    pub(crate) async fn player(&self, id: &str, client_name: &str) -> Response {
        let body = serde_json::json!({
            "context": {"client": {"clientName": client_name, "clientVersion": "1"}}, "videoId": id,
        });
        self.post("/youtubei/v1/player", body.to_string()).await
    }

    pub(crate) async fn oembed(&self, id: &str) -> Response {
        self.get(&format!("/oembed?format=json&url=https://www.youtube.com/watch?v={id}")).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Response {
        self.client.post(format!("{}{path}", self.fake.base_url())).body(body).send().await.unwrap()
    }
}

/// A client that trusts only this fake, and follows no redirect.
fn client(fake: &FakeYouTube) -> Client {
    let pem = std::fs::read(fake.ca_cert_path()).unwrap();
    Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(Certificate::from_pem(&pem).unwrap())
        .redirect(redirect::Policy::none())
        .build()
        .unwrap()
}

pub(crate) async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

/// Waits for a condition, with a long limit.
pub(crate) async fn until(what: &str, mut is_met: impl FnMut() -> bool) {
    let looking = async {
        while !is_met() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(30), looking).await.is_ok(),
        "not in time: {what}"
    );
}
