use std::time::Duration;

use linkrelay_fake_youtube::Edit;
use serde_json::{Value, json};

use crate::harness::{Browser, Relay, in_browser, links, video_id};

/// Longer than any pause in typing after which a page may search.
const LONG_PAUSE_MS: u64 = 700;

fn set_title(json: &mut Value, title: &str) {
    for path in ["/videoDetails/title", "/microformat/playerMicroformatRenderer/title/simpleText"] {
        if let Some(found) = json.pointer_mut(path) {
            *found = json!(title);
        }
    }
}

/// A library of ten videos, of which two have Korean titles.
async fn library() -> Relay {
    let relay = Relay::on_fake(Duration::ZERO, &[]).await;
    let edits: [fn(&mut Value); 2] =
        [|json| set_title(json, "길고양이와 사는 법"), |json| set_title(json, "고추장 만들기")];
    for (number, json) in edits.into_iter().enumerate() {
        relay.fake().set_edit(&video_id(number), Edit { json, ..Edit::default() });
    }
    relay.fill(&links(10)).await;
    relay
}

async fn until_found(browser: &Browser, numbers: &[usize]) {
    let mut ids: Vec<String> = numbers.iter().map(|number| video_id(*number)).collect();
    ids.sort();
    let body = "const ids = [...document.querySelectorAll('#videos [data-video]')].map((e) => e.dataset.video).sort();
        return JSON.stringify(ids) === JSON.stringify(arguments[0]) || ids;";
    browser.until_with(&format!("the videos {numbers:?}"), body, json!([ids])).await;
}

/// What the page has searched for so far.
async fn searched(browser: &Browser) -> Vec<String> {
    let requests = browser.requests().await;
    let searches = requests.iter().filter(|request| request.url.path() == "/videos");
    let mut words: Vec<String> = searches
        .filter_map(|request| request.url.query_pairs().find(|(name, _)| name == "q"))
        .map(|(_, words)| words.into_owned())
        .collect();
    words.dedup();
    words
}

/// Gives the page the time to ask, where it must not: nothing else could be waited for.
async fn let_it_ask(browser: &Browser) {
    let body = "window.pauseBegan ??= performance.now();
        const passed = performance.now() - window.pauseBegan > arguments[0];
        if (passed) delete window.pauseBegan;
        return passed;";
    browser.until_with("a pause in typing", body, json!([LONG_PAUSE_MS])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_in_the_middle_of_a_syllable() {
    in_browser(async |browser| {
        let relay = library().await;
        browser.open(&relay.view("library")).await;
        browser.until_count("#videos [data-video]", 10).await;
        browser.click("#search").await;
        for composed in ["ㄱ", "고", "공"] {
            browser.compose(composed).await;
            let_it_ask(browser).await;
        }
        assert_eq!(searched(browser).await, Vec::<String>::new());
        browser.commit("고").await;
        until_found(browser, &[0, 1]).await;
        for composed in ["ㅇ", "야", "양"] {
            browser.compose(composed).await;
            let_it_ask(browser).await;
        }
        browser.commit("양").await;
        until_found(browser, &[0]).await;
        assert_eq!(searched(browser).await, ["고", "고양"]);
        let value: String = browser.eval("return document.querySelector('#search').value;").await;
        assert_eq!(value, "고양", "no letter was lost while the list was drawn");
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_no_syllable_yet_does_not_empty_the_list() {
    in_browser(async |browser| {
        let relay = library().await;
        browser.open(&relay.view("library")).await;
        browser.click("#search").await;
        browser.commit("고양ㅇ").await;
        until_found(browser, &[0]).await;
        assert_eq!(searched(browser).await, ["고양"]);
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_and_filters_are_in_the_address_and_survive_a_reload() {
    in_browser(async |browser| {
        let relay = library().await;
        browser.open(&relay.view("library")).await;
        browser.fill("#search", "고추장").await;
        until_found(browser, &[1]).await;
        browser.choose("#filter-status", "stored").await;
        let address = "return location.search.includes('q=') && location.search.includes('status=stored') || location.search;";
        browser.until("the address to say so", address).await;
        browser.reload().await;
        until_found(browser, &[1]).await;
        let value: String = browser.eval("return document.querySelector('#search').value;").await;
        assert_eq!(value, "고추장");
        relay
    })
    .await;
}
