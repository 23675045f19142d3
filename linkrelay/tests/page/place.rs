use serde_json::{Value, json};

use crate::harness::{Browser, Relay, in_browser, links};

const COUNT: usize = 400;

/// Scrolls until the `index`th row is there, which is not always so: the page draws what is near
/// the screen. Returns its id and its top.
async fn scroll_to(browser: &Browser, index: usize) -> (String, f64) {
    let body = "const rows = [...document.querySelectorAll('#videos [data-video]')];
        const numbers = rows.map((row) => Number(row.ariaRowIndex ?? row.getAttribute('aria-rowindex')));
        const row = rows[numbers.indexOf(arguments[0])];
        if (!row) {
            scrollBy({ top: Math.max(...numbers) < arguments[0] ? innerHeight : -innerHeight, behavior: 'instant' });
            return `${Math.min(...numbers)} to ${Math.max(...numbers)}`;
        }
        row.scrollIntoView({ block: 'center', behavior: 'instant' });
        const { top } = row.getBoundingClientRect();
        return top > 0 && top < innerHeight || top;";
    browser.until_with(&format!("row {index}"), body, json!([index])).await;
    let found: (String, f64) = browser
        .eval_with(
            "const row = document.querySelector(`#videos [aria-rowindex='${arguments[0]}']`);
            return [row.dataset.video, row.getBoundingClientRect().top];",
            json!([index]),
        )
        .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_from_a_video_leads_to_the_same_place() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        relay.fill(&links(COUNT)).await;
        browser.open(&relay.view("library")).await;
        browser.until_shown("#videos [data-video]").await;
        let whole = format!("return document.querySelector('#videos').getAttribute('aria-rowcount') === '{}' || document.querySelector('#videos').getAttribute('aria-rowcount');", COUNT + 1);
        browser.until("the number of rows", &whole).await;
        for (layout, index) in [("rows", 300), ("cards", 250)] {
            browser.eval::<Value>("scrollTo(0, 0); return null;").await;
            browser.choose("#layout", layout).await;
            let (id, top) = scroll_to(browser, index).await;
            browser.click(&format!("[data-video='{id}'] a")).await;
            browser.until_shown("section[data-view=video] h1").await;
            browser.back().await;
            browser.until_shown("section[data-view=library] h1").await;
            let same = "const row = document.querySelector(`[data-video='${arguments[0]}']`);
                if (!row) return 'it is not there';
                const top = row.getBoundingClientRect().top;
                return Math.abs(top - arguments[1]) < 3 || top - arguments[1];";
            browser.until_with(&format!("{id} at the same place as {layout}"), same, json!([id, top])).await;
        }
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_shows_its_history_and_the_requests_that_named_it() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        let links = links(1);
        let (first, second) = (relay.fill(&links).await, relay.fill(&links).await);
        browser.open(&relay.view("library")).await;
        browser.click("#videos [data-video] a").await;
        browser.until_shown("#history-plot").await;
        for id in [first, second] {
            browser.until_count(&format!("[data-request='{id}']"), 1).await;
        }
        relay
    })
    .await;
}
