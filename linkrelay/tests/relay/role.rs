use std::ops::{Deref, DerefMut};
use std::path::Path as Folder;
use std::time::Duration;

use linkrelay_testkit::site;
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use serde_json::{Value, json};

use crate::helpers::{VERY_LONG, binary, nowhere, until};

const LOG_TAIL_BYTES: usize = 4_000;
/// The status of a large request occupies the tests' MongoDB for some hundredths of a second.
const BETWEEN_STATUSES: Duration = Duration::from_millis(100);

/// The two paths of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// `POST /links/send-message-kafka`.
    Kafka,
    /// `POST /links/send-message-http`.
    Waiting,
}

/// The testkit's role, with helpers that panic on an error.
#[derive(Debug)]
pub(crate) struct Role(site::Role);

impl Deref for Role {
    type Target = site::Role;

    fn deref(&self) -> &site::Role {
        &self.0
    }
}

impl DerefMut for Role {
    fn deref_mut(&mut self) -> &mut site::Role {
        &mut self.0
    }
}

impl Role {
    /// Starts a role with settings, of which the last one of a name wins.
    pub(crate) fn start(
        role: anyhow::Result<site::Role>,
        env: &[(&str, String)],
        more: &[(&str, &str)],
    ) -> Self {
        let mut role = role.unwrap().envs(env.iter().cloned()).envs(more.iter().copied());
        role.start().unwrap();
        Self(role)
    }

    pub(crate) async fn ready(self) -> Self {
        self.until_ready().await;
        self
    }

    pub(crate) async fn until_ready(&self) {
        self.0.until_ready().await.unwrap();
    }

    /// Waits until `/health/ready` is negative, with these words in its answer.
    pub(crate) async fn until_not_ready(&self, words: &str) {
        let not_ready =
            wait_for("a role that names why it is not ready", LONG, SHORT, async || {
                match self.readiness().await {
                    Err(answer) => ok_if(answer.contains(words), answer),
                    Ok(answer) => Err(answer.to_string()),
                }
            });
        let not_ready = not_ready.await;
        assert!(not_ready.is_ok(), "{not_ready:?}\n{}", self.log_tail());
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.1
    }

    /// Sends a GET request; returns the status and the text.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.0.get(path).await.unwrap()
    }

    /// Posts links on the Kafka path; returns the status and the answer.
    pub(crate) async fn post(&self, links: &Value) -> (u16, Value) {
        self.post_to(Path::Kafka, links).await
    }

    /// Posts links on one of the two paths; returns the status and the answer.
    pub(crate) async fn post_to(&self, path: Path, links: &Value) -> (u16, Value) {
        self.send(path, &json!({ "links": links })).await
    }

    async fn send(&self, path: Path, body: &Value) -> (u16, Value) {
        let route = match path {
            Path::Kafka => "/links/send-message-kafka",
            Path::Waiting => "/links/send-message-http",
        };
        self.post_json(route, body).await.unwrap()
    }

    /// Posts links that are all valid; returns the request's id.
    pub(crate) async fn post_valid(&self, links: &Value) -> String {
        self.post_body(&json!({ "links": links })).await
    }

    /// Posts a body whose links are all valid; returns the request's id.
    pub(crate) async fn post_body(&self, body: &Value) -> String {
        let (status, answer) = self.send(Path::Kafka, body).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Posts links again until they are accepted; returns the request's id.
    pub(crate) async fn until_accepted(&self, links: &Value) -> String {
        wait_for("links to be accepted", VERY_LONG, SHORT * 5, async || {
            match self.post(links).await {
                (201, answer) => Ok(answer["id"].as_str().unwrap().to_owned()),
                (status, answer) => Err(format!("{status} {answer}")),
            }
        })
        .await
        .unwrap()
    }

    /// The status of a request, asked for again while the store is slower than the producer waits.
    pub(crate) async fn status(&self, id: &str) -> Value {
        until("a status", async || match self.get(&format!("/links/{id}")).await {
            (503, body) => Err(body),
            (_, body) => Ok(serde_json::from_str(&body).unwrap()),
        })
        .await
    }

    pub(crate) async fn until_nothing_is_pending(&self, id: &str) -> Value {
        wait_for("nothing to be pending", VERY_LONG, BETWEEN_STATUSES, async || {
            let status = self.status(id).await;
            ok_if(status["pending"] == 0, &status).map(|()| status)
        })
        .await
        .unwrap()
    }

    /// Waits until a request has this number of stored links.
    pub(crate) async fn until_stored(&self, id: &str, count: u64) {
        let stored = wait_for("the links to be stored", VERY_LONG, BETWEEN_STATUSES, async || {
            let status = self.status(id).await;
            ok_if(status["stored"] == count, status)
        });
        let stored = stored.await;
        assert!(stored.is_ok(), "{stored:?}\n{}", self.log_tail());
    }

    /// Stops it with SIGTERM; it must exit with 0.
    pub(crate) async fn stop(mut self) {
        self.0.stop().await.unwrap();
    }

    /// The end of what it has logged.
    pub(crate) fn log(&self) -> String {
        let log = self.process().unwrap().stderr().unwrap();
        let start = log.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&log.as_bytes()[start..]).into_owned()
    }
}

pub(crate) async fn stop(roles: impl IntoIterator<Item = Role>) {
    for role in roles {
        role.stop().await;
    }
}

/// The embedded mode, with its data in this folder.
pub(crate) fn up(data: &Folder, arguments: &[&str], env: &[(&str, String)]) -> Role {
    let role = site::Role::new("linkrelay", binary("linkrelay"));
    start_up(role.map(|role| role.args(["up"]).args(arguments)), data, env)
}

/// The embedded mode that is started in another way.
pub(crate) fn start_up(
    role: anyhow::Result<site::Role>,
    data: &Folder,
    env: &[(&str, String)],
) -> Role {
    let data = data.display().to_string();
    Role::start(role, env, &[("DATA_DIR", &data), ("EXTRACTOR_ADDR", &nowhere())])
}
