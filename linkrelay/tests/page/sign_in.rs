use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
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

        // Streams and thumbnails come with the cookie as well.
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

/// Signs in as often as a slow machine lets the session end again, until this number of links is stored.
async fn sign_in_until_stored(browser: &Browser, locked: &Locked, count: usize) {
    let stored = wait_for("the links to be stored", LONG, SHORT * 3, async || {
        if browser.eval("return document.querySelector('#sign-in') !== null;").await {
            locked.sign_in(browser).await;
        }
        let body = "return document.querySelectorAll('#sent [data-status=stored]').length;";
        let found: usize = browser.eval(body).await;
        ok_if(found == count, found)
    });
    stored.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_asks_for_the_key_and_loses_nothing() {
    in_browser(async |browser| {
        browser.expect("401");
        let locked = Locked::new("submit,read,admin", "5s").await;
        browser.open(&locked.relay.view("submit")).await;
        locked.sign_in(browser).await;
        browser.paste("#paste", &links(5).join("\n")).await;
        // The browser drops the cookie, or the server refuses it.
        let ended = "const done = arguments[0];
            fetch('/videos?limit=1').then((answer) => done(answer.status === 401 || answer.status), (error) => done(`${error}`));";
        browser.until_async("the end of the session", ended).await;
        browser.click("#send").await;
        browser.until_shown("#sign-in").await;
        sign_in_until_stored(browser, &locked, 5).await;
        let requests = locked.get("/requests").await;
        let totals: Vec<&Value> = requests["requests"].as_array().unwrap().iter().map(|one| &one["total"]).collect();
        assert_eq!(totals, [5], "one request with the five links");
        locked
    })
    .await;
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
