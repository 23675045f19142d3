//! What a browser asked for and complained about, from its own logs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use url::Url;

use super::Browser;

/// A request that the page made.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) url: Url,
    /// What came over the network for it: headers and the packed body.
    pub(crate) bytes: u64,
    /// The packed body alone.
    pub(crate) body_bytes: u64,
}

impl Request {
    /// Its path and query.
    pub(crate) fn target(&self) -> String {
        let query = self.url.query().map_or_else(String::new, |query| format!("?{query}"));
        format!("{}{query}", self.url.path())
    }
}

/// What was read of the logs so far: reading empties them.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    /// In the order of their beginnings, by the browser's own ids.
    requests: Vec<(String, Request)>,
    complaints: Vec<String>,
    expected: Vec<String>,
}

impl Traffic {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every error that the browser logged.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.log().complaints.clone()
    }
}

impl Log {
    fn take_event(&mut self, method: &str, parameters: &Value) {
        let id = parameters["requestId"].as_str().unwrap_or_default();
        match method {
            "Network.requestWillBeSent" => self.take_request(id, &parameters["request"]),
            "Network.dataReceived" => {
                let bytes = bytes_of(parameters);
                self.change(id, |request| request.body_bytes += bytes);
            }
            "Network.loadingFinished" => {
                let bytes = bytes_of(parameters);
                self.change(id, |request| request.bytes = bytes);
            }
            _ => {}
        }
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Request)) {
        let mut newest_first = self.requests.iter_mut().rev();
        if let Some((_, request)) = newest_first.find(|(known, _)| known == id) {
            change(request);
        }
    }

    fn take_request(&mut self, id: &str, request: &Value) {
        let url = Url::parse(request["url"].as_str().unwrap_or_default()).unwrap();
        let request = Request { url, bytes: 0, body_bytes: 0 };
        self.requests.push((id.to_owned(), request));
    }
}

impl Browser {
    /// Names a part of an error that belongs to the test: a refused key is logged as well.
    pub(crate) fn expect(&self, part: &str) {
        self.traffic.log().expected.push(part.to_owned());
    }

    /// Every request so far.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.read_traffic().await;
        self.traffic.log().requests.iter().map(|(_, request)| request.clone()).collect()
    }

    /// The targets of requests so far that begin like this, with how often each was asked for.
    pub(crate) async fn asked(&self, beginning: &str) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for request in self.requests().await {
            if request.target().starts_with(beginning) {
                *asked.entry(request.target()).or_default() += 1;
            }
        }
        asked
    }

    pub(super) async fn read_traffic(&self) {
        let network = self.driver.get_log("performance").await.unwrap_or_default();
        let console = self.driver.get_log("browser").await.unwrap_or_default();
        let mut log = self.traffic.log();
        for entry in network {
            let event: Value = serde_json::from_str(&entry.message).unwrap();
            let message = &event["message"];
            log.take_event(message["method"].as_str().unwrap_or_default(), &message["params"]);
        }
        let errors = console.into_iter().filter(|entry| {
            entry.level == "SEVERE" || entry.message.contains("Content Security Policy")
        });
        log.complaints.extend(errors.map(|entry| entry.message));
    }

    /// Checks that no other host was asked, and that nothing went wrong unexpectedly.
    pub(super) async fn check_traffic(&self) {
        let requests = self.requests().await;
        let outside: Vec<&Url> =
            requests.iter().map(|request| &request.url).filter(|url| leaves(url)).collect();
        assert!(outside.is_empty(), "requests to other hosts: {outside:?}");
        let log = self.traffic.log();
        let is_expected = |line: &&String| log.expected.iter().any(|part| line.contains(part));
        let wrong: Vec<&String> = log.complaints.iter().filter(|line| !is_expected(line)).collect();
        assert!(wrong.is_empty(), "the browser complained: {wrong:#?}");
        assert!(!requests.is_empty(), "no request is in the log, so nothing was checked");
    }
}

fn bytes_of(parameters: &Value) -> u64 {
    parameters["encodedDataLength"].as_f64().unwrap_or_default() as u64
}

/// Whether a request with this address leaves the machine.
fn leaves(url: &Url) -> bool {
    let is_local = matches!(url.scheme(), "data" | "blob" | "about");
    !is_local && url.host_str() != Some("127.0.0.1")
}
