//! A linkrelay that wants API keys, and how a user signs in.

use std::process::Command;

use linkrelay_testkit::process::workspace_binary;
use serde_json::Value;
use tempfile::TempDir;

use super::{Browser, Relay};

/// A linkrelay that wants keys, and one that it knows.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) relay: Relay,
    key: String,
    _folder: TempDir,
}

impl Locked {
    /// A demo whose one key has these scopes, and whose sessions last this long.
    pub(crate) async fn new(scopes: &str, duration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let made = Command::new(workspace_binary("linkrelay").unwrap())
            .args(["keys", "add", "--name", "a user", "--scopes", scopes])
            .env("LINKRELAY_API_KEYS_FILE", &path)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let path = path.display().to_string();
        let env = [("LINKRELAY_API_KEYS_FILE", path.as_str()), ("SESSION_DURATION", duration)];
        Self { relay: Relay::demo_with(&env).await, key, _folder: folder }
    }

    /// The JSON of what the API answers to the key.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = reqwest::Client::new().get(self.relay.url(path)).bearer_auth(&self.key);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.json().await.unwrap()
    }

    /// Signs in once the page asks for the key.
    pub(crate) async fn sign_in(&self, browser: &Browser) {
        browser.fill("#key", &self.key).await;
        browser.click("#sign-in button[type=submit]").await;
        browser.until_gone("#sign-in").await;
    }
}
