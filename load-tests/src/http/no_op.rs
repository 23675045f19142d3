//! The other side: axum as its own examples use it, a handler that parses the body and answers.

use std::net::SocketAddr;

use anyhow::Result;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::generator::PATH;

/// The same form as the producer's.
#[derive(Debug, Deserialize)]
struct Body {
    links: OneOrMany,
    #[serde(default)]
    force: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug)]
pub(super) struct NoOpServer {
    addr: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl NoOpServer {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (addr, stop) = (listener.local_addr()?, CancellationToken::new());
        let router = Router::new().route(PATH, post(answer));
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self { addr, stop, serving: tokio::spawn(async move { serving.await }) })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.serving.await??)
    }
}

async fn answer(Json(body): Json<Body>) -> (StatusCode, Json<Value>) {
    let accepted = match &body.links {
        OneOrMany::One(link) => usize::from(!link.is_empty()),
        OneOrMany::Many(links) => links.len(),
    };
    (StatusCode::CREATED, Json(json!({ "res": "ok", "accepted": accepted, "force": body.force })))
}
