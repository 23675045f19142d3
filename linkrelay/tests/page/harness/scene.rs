//! The views of a page that has something to show, and how each is brought about.

use std::ops::Range;
use std::time::Duration;

use linkrelay_fake_youtube::{Failure, pages};
use serde_json::{Value, json};

use super::{Browser, Locked, Relay, link, video_id};

const LIST: &str = "https://www.youtube.com/playlist?list=PLdemo_20";

/// A view as a user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nothing is pasted yet.
    Submit,
    /// A text is understood, and not sent.
    Understood,
    /// Links have arrived, some of which failed.
    Sent,
    /// Some links have arrived, and others have not.
    Arriving,
    LibraryCards,
    LibraryRows,
    /// A search that finds nothing.
    LibraryEmpty,
    Video,
    Requests,
    Request,
    Letters,
    Health,
    /// The server wants a key.
    SignIn,
}

impl Scene {
    pub(crate) const ALL: [Self; 13] = [
        Self::Submit,
        Self::Understood,
        Self::Sent,
        Self::LibraryCards,
        Self::LibraryRows,
        Self::LibraryEmpty,
        Self::Video,
        Self::Requests,
        Self::Request,
        Self::Letters,
        Self::Health,
        Self::SignIn,
        // Last: its links are in flight for as long as the server runs.
        Self::Arriving,
    ];

    /// A name for files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Understood => "submit-understood",
            Self::Sent => "submit-sent",
            Self::LibraryCards => "library-cards",
            Self::LibraryRows => "library-rows",
            Self::LibraryEmpty => "library-empty",
            Self::Video => "video",
            Self::Requests => "requests",
            Self::Request => "request",
            Self::Letters => "letters",
            Self::Health => "health",
            Self::SignIn => "sign-in",
            Self::Arriving => "submit-arriving",
        }
    }
}

/// A linkrelay whose every view has something to show, and one that wants a key.
#[derive(Debug)]
pub(crate) struct Stage {
    relay: Relay,
    locked: Locked,
    /// The numbers of its videos.
    numbers: Vec<usize>,
    request: String,
}

impl Stage {
    /// Three requests; of the videos, some are refused and some are given up.
    pub(crate) async fn set() -> Self {
        // Long enough for a link that is never answered.
        let patient = [("EXTRACTOR_READ_TIMEOUT", "10m"), ("EXTRACTOR_TIMEOUT", "10m")];
        let relay = Relay::on_fake(Duration::ZERO, &patient).await;
        let numbers: Vec<usize> = (0..).filter(|number| is_plain(*number)).take(100).collect();
        for (at, failure) in [
            (0..3, Failure::Private),
            (3..5, Failure::Deleted),
            (5..9, Failure::ServerError),
            (9..10, Failure::AgeRestricted),
            (10..11, Failure::Live),
            (90..100, Failure::Hang),
        ] {
            for number in &numbers[at] {
                relay.fake().set_failure(&video_id(*number), Some(failure));
            }
        }
        let locked = Locked::new("read", "1h").await;
        let mut stage = Self { relay, locked, numbers, request: String::new() };
        stage.request = stage.relay.fill(&stage.links(0..30)).await;
        stage.relay.fill(&[LIST.to_owned()]).await;
        stage.relay.fill(&stage.links(30..60)).await;
        stage
    }

    fn links(&self, at: Range<usize>) -> Vec<String> {
        self.numbers[at].iter().map(|number| link(*number)).collect()
    }

    /// Brings a scene about, and waits until it is whole.
    pub(crate) async fn show(&self, browser: &Browser, scene: Scene) {
        let relay = &self.relay;
        match scene {
            Scene::Submit => browser.open(&relay.view("submit")).await,
            Scene::Understood => {
                browser.open(&relay.view("submit")).await;
                let links = self.links(59..62);
                let refused = "https://vimeo.com/76979871";
                let text = format!("{} {}\n{LIST}\n{refused}\n{}", links[0], links[1], links[2]);
                browser.paste("#paste", &text).await;
                browser.until_count("[data-reason]", 1).await;
            }
            Scene::Sent => self.send(browser, 4..16, 0).await,
            Scene::Arriving => self.send(browser, 70..100, 10).await,
            Scene::SignIn => {
                browser.expect("401");
                browser.open(&self.locked.relay.view("library")).await;
                browser.until_shown("#sign-in").await;
            }
            // By a date that does not depend on which link was faster.
            Scene::LibraryCards => self.library(browser, "library&sort=published", "cards").await,
            Scene::LibraryRows => self.library(browser, "library", "rows").await,
            Scene::LibraryEmpty => browser.open(&relay.view("library&q=zzzz")).await,
            Scene::Video => {
                browser
                    .open(&relay.view(&format!("video&id={}", video_id(self.numbers[30]))))
                    .await;
                browser.until_shown("#history-plot").await;
            }
            Scene::Requests => {
                browser.open(&relay.view("requests")).await;
                browser.until_shown("[data-request]").await;
            }
            Scene::Request => {
                browser.open(&relay.view(&format!("request&id={}", self.request))).await
            }
            Scene::Letters => {
                browser.open(&relay.view("letters")).await;
                browser.until_shown("[data-letter]").await;
            }
            Scene::Health => {
                browser.open(&relay.view("health")).await;
                browser.until_shown("[data-process]").await;
                browser.until_shown("[data-partition]").await;
                browser.until_shown("figure[data-plot]").await;
            }
        }
        settle(browser).await;
    }

    async fn library(&self, browser: &Browser, view: &str, layout: &str) {
        browser.open(&self.relay.view(view)).await;
        browser.until_shown("[data-video]").await;
        browser.choose("#layout", layout).await;
    }

    /// Sends links, and waits until all but `pending` of them are done.
    async fn send(&self, browser: &Browser, at: Range<usize>, pending: usize) {
        browser.open(&self.relay.view("submit")).await;
        let links = self.links(at);
        browser.paste("#paste", &links.join("\n")).await;
        browser.click("#send").await;
        let body = "const count = (status) => document.querySelectorAll(`#sent [data-link]${status}`).length;
            const found = [count(''), count('[data-status=pending]')];
            return JSON.stringify(found) === JSON.stringify([...arguments]) || found;";
        browser.until_with("links to arrive", body, json!([links.len(), pending])).await;
    }
}

/// Whether the title of a video needs no letters that a machine may lack: emoji, and scripts of
/// other languages than the page's.
fn is_plain(number: usize) -> bool {
    let video = pages::expected(&video_id(number));
    video.title.chars().chain(video.author.chars()).all(|letter| letter.is_ascii())
}

/// Waits until nothing of what is on the screen is still to come, and ends what moves.
pub(crate) async fn settle(browser: &Browser) {
    let body = "const { innerWidth: w, innerHeight: h } = window;
        const on = (e) => { const r = e.getBoundingClientRect(); return r.bottom > 0 && r.top < h && r.width > 0; };
        const late = [...document.images].filter((i) => on(i) && !i.complete).map((i) => i.src);
        const busy = document.querySelectorAll('main [aria-busy=true], main .is-waiting').length;
        for (const a of document.getAnimations()) { try { a.finish(); } catch { a.cancel(); } }
        const heading = document.querySelector('main section[data-view] h1');
        return heading !== null && late.length === 0 && busy === 0 || { late, busy, heading: heading !== null };";
    browser.until("the view to be whole", body).await;
}

/// Sets one of the two choosers; the view is drawn again.
pub(crate) async fn set_chooser(browser: &Browser, id: &str, value: &str) {
    let body = "const chooser = document.getElementById(arguments[0]);
        if (chooser.value === arguments[1]) return null;
        chooser.value = arguments[1];
        chooser.dispatchEvent(new Event('change', { bubbles: true }));
        return null;";
    browser.eval_with::<Value>(body, json!([id, value])).await;
    let done = match id {
        "language" => "return document.documentElement.lang === arguments[0];",
        _ => "return document.documentElement.dataset.theme === arguments[0];",
    };
    browser.until_with(&format!("{id} {value}"), done, json!([value])).await;
    settle(browser).await;
}
