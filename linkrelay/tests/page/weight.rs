use std::collections::BTreeSet;
use std::io::Write as _;

use crate::harness::{Browser, Relay, in_browser, link, links};

/// What all of the page may weigh, packed, without the headers of its answers.
const MOST_BYTES: u64 = 60_000;

/// Says it where the output of tests that pass is not kept back.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "page: {line}"));
}

/// The time of the first paint, in milliseconds since the address was opened.
async fn first_paint(browser: &Browser) -> f64 {
    let body = "const [paint] = performance.getEntriesByName('first-contentful-paint');
        return paint ? paint.startTime : 'no paint yet';";
    browser
        .until("the first paint", &format!("return typeof (() => {{ {body} }})() === 'number';"))
        .await;
    browser.eval(body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_page_is_small_and_its_paint_is_told() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        let id = relay.fill(&links(5)).await;
        let video = format!("video&id={}", link(1).rsplit_once('=').unwrap().1);
        let request = format!("request&id={id}");
        browser.open(&relay.view("submit")).await;
        browser.until_shown("section[data-view=submit] h1").await;
        let first = bytes_of_page(browser).await;
        let paint = first_paint(browser).await;
        for view in ["library", &video, "requests", &request, "letters", "health"] {
            browser.open(&relay.view(view)).await;
            browser.until_shown("main section[data-view] h1").await;
        }
        browser.choose("#language", "ko").await;
        browser.until("Korean", "return document.documentElement.lang === 'ko';").await;
        let all = bytes_of_page(browser).await;
        say(&format!(
            "the first view has {} bytes ({} with headers) and paints after {paint:.0} ms; \
             all of it has {} bytes ({} with headers)",
            first.0, first.1, all.0, all.1
        ));
        assert!(all.0 > 5_000, "{} bytes are not a page", all.0);
        assert!(all.0 < MOST_BYTES, "{} bytes", all.0);
        relay
    })
    .await;
}

/// The packed bodies of the page's own files, and these with the headers of their answers. Each
/// counts once: an unchanging file comes once.
async fn bytes_of_page(browser: &Browser) -> (u64, u64) {
    let mut seen = BTreeSet::new();
    let mut bytes = (0, 0);
    for request in browser.requests().await {
        let path = request.url.path().to_owned();
        let is_page = path == "/" || path.starts_with("/page/");
        if is_page && request.bytes > 0 && seen.insert(path) {
            bytes = (bytes.0 + request.body_bytes, bytes.1 + request.bytes);
        }
    }
    bytes
}
