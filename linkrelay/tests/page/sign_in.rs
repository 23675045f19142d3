use serde_json::Value;

use crate::harness::{Browser, Locked, in_browser, links};
use crate::submit::{until_links, until_understood};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_the_page_where_the_person_was_and_a_wrong_one_says_so() {
    in_browser(async |browser| {
        browser.expect("401");
        let locked = Locked::new("submit,read,admin", "1h").await;
        browser.open(&locked.relay.view("library")).await;
        browser.fill("#key", "lr_0000_not-a-key").await;
        browser.click("#sign-in button[type=submit]").await;
        browser.until_shown("#sign-in [role=alert]").await;
        browser.eval::<Value>("document.querySelector('#key').value = ''; return null;").await;
        locked.sign_in(browser).await;
        browser.until_shown("section[data-view=library] #search").await;
        let cookie: String = browser.eval("return document.cookie;").await;
        assert_eq!(cookie, "", "no script sees the cookie");

        // Streams and pictures come with the cookie as well.
        browser.click("a[data-view=submit]").await;
        browser.paste("#paste", &links(5).join("\n")).await;
        until_understood(browser, "videos", 5).await;
        browser.click("#send").await;
        until_links(browser, "stored", 5).await;

        browser.click("#sign-out").await;
        browser.until_shown("#sign-in").await;
        browser.reload().await;
        browser.click("a[data-view=library]").await;
        browser.until_shown("#sign-in").await;
        browser.until_count("[data-video]", 0).await;
        locked
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_asks_for_the_key_and_loses_nothing() {
    in_browser(async |browser| {
        browser.expect("401");
        let locked = Locked::new("submit,read,admin", "3s").await;
        browser.open(&locked.relay.view("submit")).await;
        locked.sign_in(browser).await;
        browser.paste("#paste", &links(5).join("\n")).await;
        // The browser drops the cookie, or the server refuses it.
        let ended = "const done = arguments[0];
            fetch('/videos?limit=1').then((answer) => done(answer.status === 401 || answer.status), (error) => done(`${error}`));";
        browser.until_async("the end of the session", ended).await;
        browser.click("#send").await;
        locked.sign_in(browser).await;
        until_links(browser, "stored", 5).await;
        assert_eq!(sent_links(browser).await, [5], "one request with the five links");
        locked
    })
    .await;
}

/// The totals of the requests that the session may see.
async fn sent_links(browser: &Browser) -> Vec<u64> {
    let body = "const done = arguments[0];
        fetch('/requests').then((answer) => answer.json()).then((list) => done(list.requests.map((one) => one.total)), (error) => done(`${error}`));";
    browser.eval_async(body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_a_scope_is_told_which_one_is_missing() {
    in_browser(async |browser| {
        browser.expect("401");
        browser.expect("403");
        let locked = Locked::new("read", "1h").await;
        browser.open(&locked.relay.view("library")).await;
        locked.sign_in(browser).await;
        browser.click("a[data-view=submit]").await;
        browser.fill("#paste", &links(1)[0]).await;
        let told = browser.text("[role=alert]").await;
        assert!(told.contains("submit"), "{told}");
        locked
    })
    .await;
}
