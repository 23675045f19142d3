//! From a request to its answer.

use std::convert::Infallible;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::answer::{Answer, JAVASCRIPT};
use crate::body::Pieces;
use crate::data_api;
use crate::hits::Route;
use crate::lists;
use crate::pages;
use crate::pages::player::Client;
use crate::request::{body, parameter};
use crate::socket::Fate;
use crate::videos::{self, Question};
use crate::world::World;

/// Answers one request; never fails: a failure is an answer also.
pub(crate) async fn answer(
    world: &World,
    fate: &Fate,
    request: Request<Incoming>,
) -> Result<Response<Pieces>, Infallible> {
    let route = route(&request);
    let _in_flight = world.hits.enter(route);
    world.latency.wait(&world.stop).await;
    let answer = match route {
        Route::Watch => watch(world, fate, &request).await,
        Route::Player => player(world, fate, request).await,
        Route::Oembed => oembed(world, fate, &request).await,
        Route::DataApi => data_api::answer(world, fate, &request).await,
        Route::PlaylistItems => lists::playlist_items(world, &request),
        Route::Channels => lists::channels(world, &request),
        Route::BaseJs => {
            Answer::ok(JAVASCRIPT, vec![Bytes::from_static(pages::BASE_JS.as_bytes())])
        }
        Route::Consent => Answer::html(pages::refusal::consent_page(&continue_to(&request))),
        Route::Sorry => videos::sorry(&continue_to(&request)),
        Route::Other => Answer::not_found(),
    };
    Ok(answer.into_response())
}

fn route(request: &Request<Incoming>) -> Route {
    let path = request.uri().path();
    let is_get = *request.method() == Method::GET;
    match (host(request), path) {
        ("consent.youtube.com", _) => Route::Consent,
        ("www.google.com", _) if path.starts_with("/sorry/") => Route::Sorry,
        (_, "/watch") if is_get => Route::Watch,
        (_, "/oembed") if is_get => Route::Oembed,
        (_, "/youtube/v3/videos") if is_get => Route::DataApi,
        (_, "/youtube/v3/playlistItems") if is_get => Route::PlaylistItems,
        (_, "/youtube/v3/channels") if is_get => Route::Channels,
        (_, "/youtubei/v1/player") if *request.method() == Method::POST => Route::Player,
        // Captured pages name other versions of the player than the generated ones.
        _ if is_get && path.starts_with("/s/player/") && path.ends_with("/base.js") => {
            Route::BaseJs
        }
        _ => Route::Other,
    }
}

/// The host that the client believes to ask, without a port; HTTP/2 says it in the URI.
fn host(request: &Request<Incoming>) -> &str {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(header);
    host.unwrap_or_default().split(':').next().unwrap_or_default()
}

/// Where a consent or captcha page leads to.
fn continue_to(request: &Request<Incoming>) -> String {
    parameter(request, "continue").unwrap_or_default()
}

async fn watch(world: &World, fate: &Fate, request: &Request<Incoming>) -> Answer {
    let Some(id) = parameter(request, "v") else {
        return Answer::not_found();
    };
    let is_pbj = parameter(request, "pbj").is_some_and(|pbj| pbj == "1");
    let question = if is_pbj { Question::Pbj } else { Question::Watch };
    videos::answer(world, fate, &id, question).await
}

async fn player(world: &World, fate: &Fate, request: Request<Incoming>) -> Answer {
    let body = body(request).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(id) = body["videoId"].as_str() else {
        return invalid_argument();
    };
    // WEB, MWEB, WEB_EMBEDDED_PLAYER, WEB_REMIX … are pages, all others apps.
    let name = body["context"]["client"]["clientName"].as_str().unwrap_or("WEB");
    let client = if name.contains("WEB") { Client::Web } else { Client::App };
    videos::answer(world, fate, id, Question::Player(client)).await
}

fn invalid_argument() -> Answer {
    let error = json!({"error": {
        "code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT",
    }});
    Answer::json(&error).with_status(StatusCode::BAD_REQUEST)
}

async fn oembed(world: &World, fate: &Fate, request: &Request<Incoming>) -> Answer {
    let link = parameter(request, "url").unwrap_or_default();
    let Some(id) = Url::parse(&link).ok().and_then(|link| video_id(&link)) else {
        return Answer::text("Not Found").with_status(StatusCode::NOT_FOUND);
    };
    if parameter(request, "format").is_some_and(|format| format != "json") {
        return Answer::text("Not Implemented").with_status(StatusCode::NOT_IMPLEMENTED);
    }
    videos::answer(world, fate, &id, Question::Oembed).await
}

/// The id in a link to a watch page, or at the end of any other link to a video.
fn video_id(link: &Url) -> Option<String> {
    let in_query = link.query_pairs().find(|(key, _)| key == "v").map(|(_, id)| id.into_owned());
    let in_path = || link.path_segments()?.next_back().map(str::to_owned);
    in_query.or_else(in_path).filter(|id| pages::is_video_id(id))
}
