//! The linkrelay of one test: `up`, with its own data, on a fake YouTube.

use std::time::Duration;

use linkrelay_fake_youtube::pages::lists;
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::site::Role;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The links of all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) total: u64,
    pub(crate) stored: u64,
    pub(crate) requests: usize,
}

impl Accepted {
    /// As many links, all of them stored.
    pub(crate) fn all(count: u64, requests: usize) -> Self {
        Self { total: count, stored: count, requests }
    }
}

/// A linkrelay in one process. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Relay {
    role: Role,
    /// The YouTube that a test lets fail; a demo has its own.
    fake: Option<FakeYouTube>,
    _data: TempDir,
}

impl Relay {
    /// What a newcomer starts: `up --demo`.
    pub(crate) async fn demo() -> Self {
        Self::start(&["up", "--demo"], None, &[]).await
    }

    /// `up --demo` with settings.
    pub(crate) async fn demo_with(env: &[(&str, &str)]) -> Self {
        Self::start(&["up", "--demo"], None, env).await
    }

    /// `up` on a YouTube that takes this long for an answer and that the test may let fail. It is
    /// asked once for each link.
    pub(crate) async fn on_fake(latency: Duration, env: &[(&str, &str)]) -> Self {
        let settings = FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() };
        let fake = FakeYouTube::start(settings).await.unwrap();
        let (url, certificate) = (fake.base_url(), fake.ca_cert_path().display().to_string());
        let to_fake = [
            ("YOUTUBE_BASE_URL", url.as_str()),
            ("YOUTUBE_CA_CERT", certificate.as_str()),
            ("YOUTUBE_API_KEY", "a-key"),
            ("EXTRACTORS", "watch_page"),
            ("MAX_ATTEMPTS", "1"),
        ];
        Self::start(&["up"], Some(fake), &[&to_fake, env].concat()).await
    }

    async fn start(arguments: &[&str], fake: Option<FakeYouTube>, env: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let extractor = format!("127.0.0.1:{}", free_port().unwrap());
        let role = Role::new("linkrelay", workspace_binary("linkrelay").unwrap()).unwrap();
        let mut role = role
            .args(arguments.iter().copied())
            .envs([("DATA_DIR", data.path().display().to_string()), ("EXTRACTOR_ADDR", extractor)])
            .envs(env.iter().copied());
        role.start().unwrap();
        role.until_ready().await.unwrap();
        Self { role, fake, _data: data }
    }

    /// The YouTube behind it.
    pub(crate) fn fake(&self) -> &FakeYouTube {
        self.fake.as_ref().unwrap()
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        self.role.url() + path
    }

    /// The address of a view, with its parameters: `library&q=bees`.
    pub(crate) fn view(&self, view: &str) -> String {
        self.url(&format!("/?view={view}"))
    }

    /// Its process.
    pub(crate) fn role(&mut self) -> &mut Role {
        &mut self.role
    }

    /// Starts it again after a kill, and waits until it is ready.
    pub(crate) async fn start_again(&mut self) {
        self.role.start().unwrap();
        self.role.until_ready().await.unwrap();
    }

    /// The JSON of an answer that must be 200.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.role.get(path).await.unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// Submits links, and waits until nothing of them is pending; returns the request's id.
    pub(crate) async fn fill(&self, links: &[String]) -> String {
        let body = json!({ "links": links });
        let sent = self.role.post_json("/links/send-message-kafka", &body).await.unwrap();
        assert_eq!(sent.0, 201, "{}", sent.1);
        let id = sent.1["id"].as_str().unwrap().to_owned();
        self.until_done(&id).await;
        id
    }

    /// Waits until nothing of a request is pending; returns its status.
    pub(crate) async fn until_done(&self, id: &str) -> Value {
        let done = wait_for("nothing to be pending", LONG, SHORT, async || {
            let status = self.get(&format!("/links/{id}")).await;
            ok_if(status["pending"] == 0, &status).map(|()| status)
        });
        done.await.unwrap()
    }

    /// How many links were accepted, how many of them are stored, and how many requests they came in.
    pub(crate) async fn links(&self) -> Accepted {
        let list = self.get("/requests?limit=100").await;
        let requests = list["requests"].as_array().unwrap();
        let sum = |name: &str| requests.iter().map(|one| one[name].as_u64().unwrap()).sum();
        Accepted { total: sum("total"), stored: sum("stored"), requests: requests.len() }
    }

    /// Waits until this number of links is stored; returns how many were accepted, in how many requests.
    pub(crate) async fn until_stored(&self, count: u64) -> Accepted {
        let stored = wait_for("the links to be stored", LONG, SHORT * 3, async || {
            let links = self.links().await;
            ok_if(links.stored == count, format!("{links:?}")).map(|()| links)
        });
        stored.await.unwrap()
    }
}

/// A link to a video of its own for each number.
pub(crate) fn link(number: usize) -> String {
    format!("https://www.youtube.com/watch?v={}", video_id(number))
}

pub(crate) fn links(count: usize) -> Vec<String> {
    (0..count).map(link).collect()
}

/// An id as YouTube has them.
pub(crate) fn video_id(number: usize) -> String {
    lists::video_id("PLpage", number)
}
