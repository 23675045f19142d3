//! What the producer is compared with: axum as its own examples use it, with a handler that parses
//! the body and answers.

use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::load::closed_loop::PATH;

/// The same form as the producer's.
#[derive(Debug, Deserialize)]
struct NoOpBody {
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

/// Starts the server; dropping the handle ends it.
pub(super) async fn start() -> Result<(SocketAddr, AbortOnDropHandle<io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let router = Router::new().route(PATH, post(answer));
    let serving = async move { axum::serve(listener, router).await };
    Ok((addr, AbortOnDropHandle::new(tokio::spawn(serving))))
}

async fn answer(Json(body): Json<NoOpBody>) -> (StatusCode, Json<Value>) {
    let accepted = match &body.links {
        OneOrMany::One(link) => usize::from(!link.is_empty()),
        OneOrMany::Many(links) => links.len(),
    };
    (StatusCode::CREATED, Json(json!({ "res": "ok", "accepted": accepted, "force": body.force })))
}
