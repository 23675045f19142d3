use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};

use crate::harness::{Accepted, Browser, Relay, in_browser, links};
use crate::submit::{until_links, until_understood};

/// More than one batch, of which the page sends one after the other.
const COUNT: usize = 620;

async fn until_sending(browser: &Browser, at_least: usize) {
    let sending = wait_for("links to be sent", LONG, SHORT, async || {
        let asked = browser.asked("/links/send-message-kafka").await;
        ok_if(asked.values().sum::<usize>() >= at_least, format!("{asked:?}"))
    });
    sending.await.unwrap();
}

/// Every link has one document, and no link has two.
async fn check_documents(relay: &Relay) {
    let links = relay.until_stored(COUNT as u64).await;
    assert_eq!(links, Accepted::all(COUNT as u64, 2));
    let videos = relay.get("/videos?limit=1&total=true").await;
    assert_eq!(videos["total"], COUNT, "as many different videos");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_is_closed_before_the_answer_loses_and_doubles_nothing() {
    in_browser(async |browser| {
        let mut relay = Relay::demo().await;
        // The first tab is empty and stays, so that the browser does.
        browser.new_tab().await;
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &links(COUNT).join("\n")).await;
        until_understood(browser, "videos", COUNT).await;
        // The server has the first batch in its socket and answers nothing.
        relay.role().process_mut().unwrap().pause().unwrap();
        browser.click("#send").await;
        until_sending(browser, 1).await;
        browser.close_tab().await;
        relay.role().process_mut().unwrap().resume().unwrap();

        browser.new_tab().await;
        browser.open(&relay.view("submit")).await;
        // Closed again, in the middle of the rest.
        browser.until_shown("#sent").await;
        browser.close_tab().await;
        browser.new_tab().await;
        browser.open(&relay.view("submit")).await;
        check_documents(&relay).await;
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_before_the_answer_goes_on_where_it_was() {
    in_browser(async |browser| {
        let mut relay = Relay::demo().await;
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &links(COUNT).join("\n")).await;
        until_understood(browser, "videos", COUNT).await;
        relay.role().process_mut().unwrap().pause().unwrap();
        browser.click("#send").await;
        until_sending(browser, 1).await;
        browser.begin_reload().await;
        relay.role().process_mut().unwrap().resume().unwrap();
        until_links(browser, "stored", COUNT).await;
        check_documents(&relay).await;
        // And again when all is done: nothing is sent again, and all is shown.
        browser.reload().await;
        until_links(browser, "stored", COUNT).await;
        check_documents(&relay).await;
        relay
    })
    .await;
}
