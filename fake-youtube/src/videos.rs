//! The answer about one video on one route: captured, generated, or gone wrong.

use bytes::Bytes;
use hyper::StatusCode;

use crate::answer::{Answer, HTML};
use crate::corpus::Place;
use crate::failure::Failure;
use crate::pages::player::Client;
use crate::pages::{self, Playability};
use crate::socket::Fate;
use crate::world::World;

/// How a video is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// The watch page.
    Watch,
    /// The watch page's data alone.
    Pbj,
    /// The player response alone.
    Player(Client),
    /// The short form.
    Oembed,
}

impl Question {
    fn place(self) -> Place {
        match self {
            Self::Watch | Self::Pbj => Place::Watch,
            Self::Player(_) => Place::Player,
            Self::Oembed => Place::Oembed,
        }
    }
}

/// Answers, and counts.
pub(crate) async fn answer(world: &World, fate: &Fate, id: &str, question: Question) -> Answer {
    let failure = world.faults.choose(id);
    world.hits.count_video(id, failure);
    match failure {
        Some(failure) => fail(world, fate, id, question, failure).await,
        None => succeed(world, id, question),
    }
}

fn succeed(world: &World, id: &str, question: Question) -> Answer {
    let corpus = world.corpus.as_ref();
    match corpus.and_then(|corpus| corpus.find(question.place(), id)) {
        Some(captured) => captured,
        None if corpus.is_some_and(|corpus| corpus.knows(id)) => nothing(question),
        // YouTube also has a page for what cannot be an id: it says that there is no such video.
        None if !pages::is_video_id(id) => generated(world, id, question, Playability::Deleted),
        None => generated(world, id, question, Playability::Ok),
    }
}

/// Neither a video nor a refusal.
fn nothing(question: Question) -> Answer {
    match question {
        Question::Watch => Answer::html("<!DOCTYPE html><html></html>"),
        Question::Pbj | Question::Player(_) => Answer::json(&serde_json::json!({})),
        Question::Oembed => Answer::text("Not Found").with_status(StatusCode::NOT_FOUND),
    }
}

async fn fail(
    world: &World,
    fate: &Fate,
    id: &str,
    question: Question,
    failure: Failure,
) -> Answer {
    if let Some(playability) = failure.playability() {
        return generated(world, id, question, playability);
    }
    match failure {
        Failure::NotFound => Answer::not_found(),
        Failure::Throttled { retry_after } => sorry(&watch_url(id)).with_retry_after(retry_after),
        Failure::ServerError => unavailable(),
        Failure::Hang => {
            world.stop.cancelled().await;
            unavailable()
        }
        Failure::ConsentRedirect if question.place() == Place::Watch => consent_redirect(id),
        Failure::SorryRedirect if question.place() == Place::Watch => sorry_redirect(id),
        Failure::SorryRedirect => sorry(&watch_url(id)),
        Failure::WrongVideo => generated(world, &pages::other_id(id), question, Playability::Ok),
        _ => succeed(world, id, question).spoiled(failure, fate),
    }
}

/// A made-up answer.
fn generated(world: &World, id: &str, question: Question, playability: Playability) -> Answer {
    let video = pages::expected(id);
    match question {
        Question::Watch => watch_page(world, pages::watch::page(&video, playability)),
        Question::Pbj => Answer::json(&pages::watch::pbj(&video, playability)),
        Question::Player(client) => {
            Answer::json(&pages::player::response(&video, playability, client))
        }
        Question::Oembed => match playability {
            Playability::Private => {
                Answer::text("Unauthorized").with_status(StatusCode::UNAUTHORIZED)
            }
            Playability::Deleted => Answer::text("Not Found").with_status(StatusCode::NOT_FOUND),
            _ => Answer::json(&pages::oembed::response(&video)),
        },
    }
}

fn watch_page(world: &World, page: pages::watch::WatchPage) -> Answer {
    let missing_bytes = world.padding.len().saturating_sub(page.beginning.len() + page.rest.len());
    let padding = world.padding.slice(..missing_bytes);
    Answer::ok(HTML, vec![Bytes::from(page.beginning), padding, Bytes::from(page.rest)])
}

fn unavailable() -> Answer {
    Answer::text("Service Unavailable").with_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// Status 429 with a captcha; once it is solved, the page leads on to `continue_to`.
pub(crate) fn sorry(continue_to: &str) -> Answer {
    let page = pages::refusal::sorry_page(continue_to);
    Answer::html(page).with_status(StatusCode::TOO_MANY_REQUESTS)
}

fn consent_redirect(id: &str) -> Answer {
    let continue_to = escape(&watch_url(id));
    Answer::redirect(&format!(
        "https://consent.youtube.com/m?continue={continue_to}&gl=DE&m=0&pc=yt&cm=2&hl=de&src=1"
    ))
}

fn sorry_redirect(id: &str) -> Answer {
    let continue_to = escape(&watch_url(id));
    Answer::redirect(&format!(
        "https://www.google.com/sorry/index?continue={continue_to}&q=EgQAAAAA"
    ))
}

fn watch_url(id: &str) -> String {
    format!("https://www.youtube.com/watch?v={id}")
}

fn escape(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
