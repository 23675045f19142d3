use thirtyfour::Key;

use crate::harness::{Relay, in_browser, link, links};
use crate::submit::{until_links, until_understood};

/// More than a user would press; the page has less.
const MOST_TABS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_by_the_keyboard_alone() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        relay.fill(&links(30)).await;
        browser.open(&relay.view("submit")).await;
        browser.until_shown("section[data-view=submit] h1").await;

        // The first stop leads past the navigation.
        browser.press(Key::Tab).await;
        let first: String = browser.eval("return document.activeElement.getAttribute('href');").await;
        assert_eq!(first, "#main");
        browser.press(Key::Enter).await;
        browser.tab_to("#paste", MOST_TABS).await;
        browser.press(format!("{} {}", link(100), link(101))).await;
        until_understood(browser, "videos", 2).await;
        browser.tab_to("#send", MOST_TABS).await;
        browser.check_focus_is_visible().await;
        browser.press(Key::Enter).await;
        until_links(browser, "stored", 2).await;

        // From the top again, as a reader would go: the library, a search, a video, and back.
        browser.press_with(Key::Control, Key::Home).await;
        browser.tab_back_to("a[data-view=library]", MOST_TABS).await;
        browser.check_focus_is_visible().await;
        browser.press(Key::Enter).await;
        browser.until_shown("section[data-view=library] [data-video]").await;
        let heading: bool = browser.eval("return document.activeElement.matches('section[data-view=library] h1');").await;
        assert!(heading, "the focus is on {}", browser.focused().await);
        browser.tab_to("#search", MOST_TABS).await;
        browser.press("bees").await;
        browser.until("the search", "return location.search.includes('q=bees') || location.search;").await;
        let stays: bool = browser.eval("return document.activeElement.id === 'search';").await;
        assert!(stays, "the focus is on {}", browser.focused().await);
        browser.until_shown("[data-video] a").await;
        browser.tab_to("[data-video] a", MOST_TABS).await;
        browser.check_focus_is_visible().await;
        browser.press(Key::Enter).await;
        browser.until_shown("section[data-view=video] h1").await;
        // Alt and Left, which WebDriver gives to the page and not to the browser around it.
        browser.back().await;
        browser.until_shown("section[data-view=library] [data-video]").await;

        // Choosers take the arrows.
        browser.tab_back_to("#theme", MOST_TABS).await;
        browser.press(Key::Down).await;
        browser.until("another theme", "return document.querySelector('#theme').value === 'light' || document.querySelector('#theme').value;").await;
        relay
    })
    .await;
}
