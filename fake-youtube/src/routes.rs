//! Finds the route of a request and answers it.

use std::collections::HashMap;
use std::convert::Infallible;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::ACCEPT_ENCODING;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::answer::Answer;
use crate::body::{Body, Connection};
use crate::data_api;
use crate::hits::Route;
use crate::pages;
use crate::pages::player::Client;
use crate::shared::Shared;
use crate::thumbnails;
use crate::videos::{self, Form};

/// More than any request for a player needs.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Answers one request; each failure is an answer as well.
pub(crate) async fn answer(
    shared: &Shared,
    connection: &Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let route = route(request.method(), request.uri().path());
    let _in_flight = shared.hits.enter(route);
    shared.latency.wait(&shared.stop).await;
    let takes_gzip = request.headers().get(ACCEPT_ENCODING);
    let takes_gzip =
        takes_gzip.is_some_and(|taken| taken.as_bytes().windows(4).any(|name| name == b"gzip"));
    let answer = match route {
        Route::Watch => match parameters(&request).get("v") {
            Some(id) => videos::answer(shared, connection, id, Form::WatchPage).await,
            None => Answer::not_found(),
        },
        Route::Player => player(shared, connection, request).await,
        Route::Oembed => oembed(shared, connection, &request).await,
        Route::DataApi | Route::PlaylistItems | Route::Channels => {
            let key = request.headers().get("x-goog-api-key");
            let has_key = key.is_some_and(|key| !key.is_empty());
            let call = data_api::Call { route, has_key, parameters: parameters(&request) };
            data_api::answer(shared, connection, &call).await
        }
        Route::Thumbnail => thumbnails::answer(shared, request.uri().path()).await,
        Route::Other => Answer::not_found(),
    };
    let is_packed = takes_gzip && shared.padding.is_packed() && route != Route::Thumbnail;
    let answer = if is_packed { answer.packed(&shared.padding) } else { answer };
    Ok(answer.into_response())
}

fn route(method: &Method, path: &str) -> Route {
    match (method, path) {
        (&Method::GET, "/watch") => Route::Watch,
        (&Method::GET, "/oembed") => Route::Oembed,
        (&Method::GET, "/youtube/v3/videos") => Route::DataApi,
        (&Method::GET, "/youtube/v3/playlistItems") => Route::PlaylistItems,
        (&Method::GET, "/youtube/v3/channels") => Route::Channels,
        (&Method::POST, "/youtubei/v1/player") => Route::Player,
        (&Method::GET, path) if thumbnails::id_of(path).is_some() => Route::Thumbnail,
        _ => Route::Other,
    }
}

/// Returns the decoded parameters of the query.
fn parameters(request: &Request<Incoming>) -> HashMap<String, String> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn player(shared: &Shared, connection: &Connection, request: Request<Incoming>) -> Answer {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(id) = body["videoId"].as_str() else {
        return Answer::api_error(StatusCode::BAD_REQUEST, "badRequest");
    };
    // WEB, MWEB, WEB_EMBEDDED_PLAYER, WEB_REMIX … are pages, all others apps.
    let name = body["context"]["client"]["clientName"].as_str().unwrap_or("WEB");
    let client = if name.contains("WEB") { Client::Web } else { Client::App };
    videos::answer(shared, connection, id, Form::Player(client)).await
}

async fn oembed(shared: &Shared, connection: &Connection, request: &Request<Incoming>) -> Answer {
    let link = parameters(request).get("url").and_then(|link| Url::parse(link).ok());
    let mut pairs = link.iter().flat_map(Url::query_pairs);
    match pairs.find(|(key, id)| key == "v" && pages::is_video_id(id)) {
        Some((_, id)) => videos::answer(shared, connection, &id, Form::Oembed).await,
        None => Answer::status(StatusCode::NOT_FOUND),
    }
}
