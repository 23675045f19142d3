//! The answer about one video: captured, generated, or failed.

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::CANARY_VIDEO;
use crate::answer::{Answer, HTML};
use crate::body::Connection;
use crate::failure::Failure;
use crate::hits::Route;
use crate::pages::player::Client;
use crate::pages::{self, Playability};
use crate::shared::Shared;

/// The form in which a video is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    WatchPage,
    /// The player response alone.
    Player(Client),
    Oembed,
    /// A list of the Data API with this video only.
    DataApi,
}

impl Form {
    fn route(self) -> Route {
        match self {
            Self::WatchPage => Route::Watch,
            Self::Player(_) => Route::Player,
            Self::Oembed => Route::Oembed,
            Self::DataApi => Route::DataApi,
        }
    }
}

/// Answers a request for a video, and counts it.
pub(crate) async fn answer(
    shared: &Shared,
    connection: &Connection,
    id: &str,
    form: Form,
) -> Answer {
    let failure = if id == CANARY_VIDEO {
        shared.hits.count_canary(form.route());
        shared.faults.choose_for_canary()
    } else {
        choose(shared, id)
    };
    match failure {
        Some(failure) => fail(shared, connection, id, form, failure).await,
        None => succeed(shared, id, form),
    }
}

/// Returns how a request for this video fails, if it does, and counts the request.
pub(crate) fn choose(shared: &Shared, id: &str) -> Option<Failure> {
    shared.hits.count_video(id);
    shared.faults.choose(id)
}

fn succeed(shared: &Shared, id: &str, form: Form) -> Answer {
    let corpus = shared.corpus.as_ref();
    match corpus.and_then(|corpus| corpus.find(form.route(), id)) {
        Some(captured) => captured,
        None if corpus.is_some_and(|corpus| corpus.knows(id)) => nothing(form),
        // YouTube has a page also for a text that is not an id: there is no such video.
        None if !pages::is_video_id(id) => generated(shared, id, form, Playability::Deleted),
        None => generated(shared, id, form, Playability::Ok),
    }
}

/// Returns an answer that is neither a video nor a refusal.
fn nothing(form: Form) -> Answer {
    match form {
        Form::WatchPage => Answer::html("<!DOCTYPE html><html></html>"),
        Form::Player(_) | Form::DataApi => Answer::json(&json!({})),
        Form::Oembed => Answer::status(StatusCode::NOT_FOUND),
    }
}

/// Returns the answer of this failure.
pub(crate) async fn fail(
    shared: &Shared,
    connection: &Connection,
    id: &str,
    form: Form,
    failure: Failure,
) -> Answer {
    if let Some(playability) = failure.playability() {
        return generated(shared, id, form, playability);
    }
    match failure {
        Failure::NotFound => Answer::not_found(),
        Failure::Throttled { .. } | Failure::SorryRedirect if form == Form::DataApi => {
            Answer::api_error(StatusCode::FORBIDDEN, "rateLimitExceeded")
        }
        Failure::ConsentRedirect if form == Form::WatchPage => {
            redirect("https://consent.youtube.com/m?gl=DE&m=0&pc=yt&cm=2&hl=de&src=1", id)
        }
        Failure::SorryRedirect if form == Form::WatchPage => {
            redirect("https://www.google.com/sorry/index?q=EgQAAAAA", id)
        }
        Failure::SorryRedirect => Answer::captcha(&watch_url(id)),
        Failure::Throttled { retry_after } => {
            Answer::captcha(&watch_url(id)).with_retry_after(retry_after)
        }
        Failure::ServerError => unavailable(form),
        Failure::Hang => {
            shared.stop.cancelled().await;
            unavailable(form)
        }
        Failure::WrongVideo => generated(shared, &pages::other_id(id), form, Playability::Ok),
        _ => succeed(shared, id, form).spoiled(failure, connection),
    }
}

fn generated(shared: &Shared, id: &str, form: Form, playability: Playability) -> Answer {
    let video = pages::expected(id);
    let edit = shared.edits.of(id);
    let json = |mut value: Value| {
        (edit.json)(&mut value);
        Answer::json(&value)
    };
    let answer = match form {
        Form::WatchPage => watch_page(shared, pages::watch::page(&video, playability, edit.json)),
        Form::Player(client) => json(pages::player::response(&video, playability, client)),
        Form::Oembed => match playability {
            Playability::Private => Answer::status(StatusCode::UNAUTHORIZED),
            Playability::Deleted => Answer::status(StatusCode::NOT_FOUND),
            _ => json(pages::oembed::response(&video)),
        },
        Form::DataApi => {
            let item = api_item(shared, id, playability);
            Answer::json(&pages::data_api::list(&Vec::from_iter(item)))
        }
    };
    answer.with_replaced(edit.bytes)
}

/// Returns the item of the Data API about this video, if it has one.
pub(crate) fn api_item(shared: &Shared, id: &str, playability: Playability) -> Option<Value> {
    let mut item = pages::data_api::item(&pages::expected(id), playability)?;
    (shared.edits.of(id).json)(&mut item);
    Some(item)
}

fn watch_page(shared: &Shared, [beginning, rest]: [String; 2]) -> Answer {
    let padding = &shared.padding;
    let missing_bytes = padding.plain.len().saturating_sub(beginning.len() + rest.len());
    // Only the whole of it is packed already.
    let length = if padding.is_packed() { padding.plain.len() } else { missing_bytes };
    let padding = padding.plain.slice(..length);
    Answer::ok(HTML, vec![Bytes::from(beginning), padding, Bytes::from(rest)])
}

fn unavailable(form: Form) -> Answer {
    match form {
        Form::DataApi => Answer::api_error(StatusCode::SERVICE_UNAVAILABLE, "backendError"),
        _ => Answer::status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn redirect(to: &str, id: &str) -> Answer {
    let url = watch_url(id);
    let continue_to: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
    Answer::redirect(&format!("{to}&continue={continue_to}"))
}

fn watch_url(id: &str) -> String {
    format!("https://www.youtube.com/watch?v={id}")
}
