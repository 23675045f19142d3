//! The routes below `/__`, by which a test in another process looks in and changes things. They
//! are neither counted nor delayed.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::request::body;
use crate::world::World;

/// What all these paths begin with.
pub(crate) const PREFIX: &str = "/__";

/// `POST /__latency`; what is left out stays as it is. Durations are written as `1.2s`, `300ms`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatencyChange {
    latency: Option<String>,
    jitter: Option<String>,
}

/// - `GET /__hits` gives the counters, `DELETE /__hits` sets them to zero
/// - `POST /__failures` takes `{"<video id>": "<failure>" | null, …}`
/// - `POST /__rates` takes `{"<failure>": 0.05, …}` in place of the rates before
/// - `POST /__latency` takes `{"latency": "1.2s", "jitter": "200ms"}`
pub(crate) async fn answer(world: &World, request: Request<Incoming>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let done = match (method, path.as_str()) {
        (Method::GET, "/__hits") => return Answer::json(&json!(world.hits.read())),
        (Method::DELETE, "/__hits") => {
            world.hits.reset();
            Ok(())
        }
        (Method::POST, "/__failures") => {
            read(request).await.map(|failures| set_failures(world, failures))
        }
        (Method::POST, "/__rates") => read(request).await.map(|rates| set_rates(world, rates)),
        (Method::POST, "/__latency") => {
            read(request).await.and_then(|change| set_latency(world, &change))
        }
        _ => return Answer::not_found(),
    };
    match done {
        Ok(()) => Answer::json(&json!({"res": "ok"})),
        Err(error) => Answer::text(format!("{error:#}\n")).with_status(StatusCode::BAD_REQUEST),
    }
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> anyhow::Result<T> {
    let body = body(request).await.context("the body is too long or broke off")?;
    serde_json::from_slice(&body).context("the body cannot be read")
}

fn set_failures(world: &World, failures: HashMap<String, Option<Failure>>) {
    for (video_id, failure) in failures {
        world.faults.set(&video_id, failure);
    }
}

fn set_rates(world: &World, rates: HashMap<Failure, f64>) {
    let mut rates: Vec<(Failure, f64)> = rates.into_iter().collect();
    // A map has no order of its own, and the choice must depend on nothing but the seed.
    rates.sort_by_key(|(failure, _)| failure.to_string());
    world.faults.set_rates(rates);
}

fn set_latency(world: &World, change: &LatencyChange) -> anyhow::Result<()> {
    let read = |text: &Option<String>| -> anyhow::Result<Option<Duration>> {
        Ok(text.as_deref().map(humantime::parse_duration).transpose()?)
    };
    let (latency, jitter) = (read(&change.latency)?, read(&change.jitter)?);
    if let Some(latency) = latency {
        world.latency.set(latency);
    }
    if let Some(jitter) = jitter {
        world.latency.set_jitter(jitter);
    }
    Ok(())
}
