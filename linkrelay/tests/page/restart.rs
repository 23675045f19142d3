use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};

use crate::harness::{Accepted, Relay, in_browser, links, video_id};
use crate::submit::until_links;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_after_its_server_was_killed_and_started_again() {
    in_browser(async |browser| {
        // The log of the browser names what could not be reached.
        browser.expect("net::ERR_");
        browser.expect("503");
        let mut relay = Relay::on_fake(Duration::ZERO, &[]).await;
        // These are never answered before the kill, which is so in the middle.
        for number in 50..60 {
            relay.fake().set_failure(&video_id(number), Some(Failure::Hang));
        }
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &links(60).join("\n")).await;
        browser.click("#send").await;
        until_links(browser, "stored", 50).await;
        relay.role().kill().unwrap();
        for number in 50..60 {
            relay.fake().set_failure(&video_id(number), None);
        }
        relay.start_again().await;
        until_links(browser, "stored", 60).await;
        assert_eq!(relay.links().await, Accepted::all(60, 1));
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_while_the_server_is_down_arrives_once_it_is_up() {
    in_browser(async |browser| {
        browser.expect("net::ERR_");
        let mut relay = Relay::demo().await;
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &links(20).join("\n")).await;
        crate::submit::until_understood(browser, "videos", 20).await;
        relay.role().kill().unwrap();
        browser.click("#send").await;
        let tried = wait_for("the links to be sent", LONG, SHORT, async || {
            let asked = browser.asked("/links/send-message-kafka").await;
            ok_if(!asked.is_empty(), format!("{asked:?}"))
        });
        tried.await.unwrap();
        relay.start_again().await;
        until_links(browser, "stored", 20).await;
        assert_eq!(relay.links().await, Accepted::all(20, 1));
        relay
    })
    .await;
}
