use std::time::Duration;

use linkrelay_fake_youtube::Failure;

use crate::harness::{Accepted, Browser, Relay, in_browser, links, video_id};
use crate::submit::until_links;

/// Sends ten links, of which three are private and two are gone.
async fn send_with_failures(browser: &Browser, relay: &Relay) {
    set_failures(relay, Some(Failure::Private), Some(Failure::Deleted));
    browser.open(&relay.view("submit")).await;
    browser.paste("#paste", &links(10).join(" ")).await;
    browser.click("#send").await;
    until_links(browser, "failed", 5).await;
    until_links(browser, "stored", 5).await;
    browser.until_count("#failures [data-reason]", 2).await;
}

fn set_failures(relay: &Relay, first: Option<Failure>, second: Option<Failure>) {
    for number in 0..3 {
        relay.fake().set_failure(&video_id(number), first);
    }
    for number in 3..5 {
        relay.fake().set_failure(&video_id(number), second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_grouped_by_reason_and_all_are_tried_again_at_once() {
    in_browser(async |browser| {
        let relay = Relay::on_fake(Duration::ZERO, &[]).await;
        send_with_failures(browser, &relay).await;
        set_failures(&relay, None, None);
        browser.click("#failures [data-again=all]").await;
        until_links(browser, "stored", 10).await;
        browser
            .until("no group of failures", "return document.querySelector('#failures').hidden;")
            .await;
        assert_eq!(relay.links().await, Accepted::all(10, 1));
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_group_of_failures_is_tried_again_and_the_other_is_left() {
    in_browser(async |browser| {
        let relay = Relay::on_fake(Duration::ZERO, &[]).await;
        send_with_failures(browser, &relay).await;
        set_failures(&relay, None, Some(Failure::Deleted));
        // The larger group comes first.
        browser.click("#failures [data-reason] [data-again]").await;
        until_links(browser, "stored", 8).await;
        until_links(browser, "failed", 2).await;
        relay
    })
    .await;
}
