use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use serde_json::json;

use crate::harness::{Accepted, Relay, in_browser, links, video_id};

/// Twenty links, of which YouTube answers four with an error until they are given up.
async fn with_letters() -> Relay {
    let relay = Relay::on_fake(Duration::ZERO, &[]).await;
    set_failure(&relay, Some(Failure::ServerError));
    relay.fill(&links(20)).await;
    set_failure(&relay, None);
    relay
}

fn set_failure(relay: &Relay, failure: Option<Failure>) {
    for number in 0..4 {
        relay.fake().set_failure(&video_id(number), failure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_dead_letters_are_replayed_as_a_job_that_is_seen_to_its_end() {
    in_browser(async |browser| {
        let relay = with_letters().await;
        browser.open(&relay.view("letters")).await;
        browser.until_count("[data-letter]", 4).await;
        browser.click("#replay").await;
        let done = "const place = document.querySelector('#replay-progress');
            return place.dataset.state === 'done' || place.innerText;";
        browser.until("the replay to be done", done).await;
        relay.until_stored(20).await;
        assert_eq!(relay.links().await, Accepted::all(20, 1));
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chosen_dead_letter_is_replayed_alone() {
    in_browser(async |browser| {
        let relay = with_letters().await;
        browser.open(&relay.view("letters")).await;
        browser.until_count("[data-letter]", 4).await;
        browser.click("[data-letter] input[type=checkbox]").await;
        browser.click("#replay").await;
        relay.until_stored(17).await;
        let rest =
            "const waiting = document.querySelectorAll('[data-letter][data-state=waiting]').length;
            return waiting === arguments[0] || waiting;";
        browser.until_with("three letters that wait", rest, json!([3])).await;
        relay
    })
    .await;
}
