use serde_json::json;

use crate::harness::{Accepted, Browser, Relay, in_browser, link, links};

/// Checks a count of what the server understood; one that is not shown is 0.
pub(crate) async fn until_understood(browser: &Browser, name: &str, count: usize) {
    let body = "const chip = document.querySelector(`#understood [data-count=${arguments[0]}]`);
        const n = chip && !chip.hidden ? Number(chip.dataset.n) : 0;
        return n === arguments[1] || n;";
    let what = format!("{count} {name} to be understood");
    browser.until_with(&what, body, json!([name, count])).await;
}

/// Waits until this number of links have this status.
pub(crate) async fn until_links(browser: &Browser, status: &str, count: usize) {
    let body = "const states = {};
        for (const e of document.querySelectorAll('#sent [data-link]')) states[e.dataset.status] = (states[e.dataset.status] ?? 0) + 1;
        return (states[arguments[0]] ?? 0) === arguments[1] || states;";
    let what = format!("{count} links that are {status}");
    browser.until_with(&what, body, json!([status, count])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_pasted_links_are_seen_stored_with_title_and_thumbnail() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        let links = links(200);
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &links.join("\n")).await;
        until_understood(browser, "videos", 200).await;
        browser.click("#send").await;
        until_links(browser, "stored", 200).await;
        let bar = "const bar = document.querySelector('#sent [role=progressbar]');
            return bar.ariaValueNow === '200' && bar.ariaValueMax === '200' || bar.outerHTML;";
        browser.until("a full bar", bar).await;
        assert_eq!(relay.links().await, Accepted::all(200, 1));

        // What the rows say is what the API says.
        let request = relay.get("/requests?limit=1").await["requests"][0]["id"].clone();
        let stored = relay.get(&format!("/links/{}", request.as_str().unwrap())).await;
        let titles: Vec<&str> =
            stored["links"].as_array().unwrap().iter().map(|link| link["title"].as_str().unwrap()).collect();
        let missing = "const text = document.querySelector('#sent').textContent;
            const normal = (t) => t.replace(/\\s+/g, ' ');
            const missing = arguments[0].filter((title) => !normal(text).includes(normal(title)));
            return missing.length === 0 || missing;";
        browser.until_with("every title", missing, json!([titles])).await;
        let thumbnails = "const shown = [...document.querySelectorAll('#sent [data-link] img')].filter((i) => i.complete && i.naturalWidth > 0);
            return shown.length > 3 || shown.length;";
        browser.until("thumbnails of those on the screen", thumbnails).await;
        let stays: String = browser.eval("return document.querySelector('#paste').value;").await;
        assert_eq!(stays, "", "what was sent is no longer in the box");
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_understood_before_anything_is_sent() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        relay.fill(&[link(1)]).await;
        let text = format!(
            "Look at {} and {}!\n{}\nhttps://vimeo.com/76979871\n{}\n\
             https://www.youtube.com/playlist?list=PLdemo_20\n",
            link(1),
            link(2),
            link(2),
            link(3)
        );
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &text).await;
        for (name, count) in
            [("videos", 3), ("lists", 1), ("doubles", 1), ("stored", 1), ("refused", 1)]
        {
            until_understood(browser, name, count).await;
        }
        browser.until_count("[data-reason]", 1).await;
        let refused: String =
            browser.eval("return document.querySelector('[data-reason]').textContent;").await;
        assert!(refused.contains("vimeo.com/76979871"), "{refused}");
        assert_eq!(relay.links().await, Accepted::all(1, 1), "nothing was sent yet");

        browser.click("#send").await;
        until_links(browser, "expanded", 1).await;
        until_links(browser, "stored", 23).await;
        // Three videos, the list, and its 20 videos, beside what was there.
        let expected = Accepted { total: 25, stored: 24, requests: 2 };
        assert_eq!(relay.links().await, expected);
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_as_what_they_are() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        let folder = tempfile::tempdir().unwrap();
        let bookmarks = format!(
            "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p><DT><A HREF=\"{}\">One</A>\n<DT><A HREF=\"{}\">Two</A></DL>",
            link(1), link(2)
        );
        let json = json!({ "saved": [{ "url": link(3) }, { "url": link(4), "note": "x" }] });
        browser.open(&relay.view("submit")).await;
        for (name, content, count) in [
            ("links.txt", format!("{}\n{}\n", link(5), link(6)), 2),
            ("table.csv", format!("title,url\n\"a, b\",{}\n", link(7)), 3),
            ("bookmarks.html", bookmarks, 5),
            ("saved.json", json.to_string(), 7),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            browser.upload("#file", &path).await;
            until_understood(browser, "videos", count).await;
            until_understood(browser, "refused", 0).await;
        }
        browser.click("#send").await;
        until_links(browser, "stored", 7).await;
        relay
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pasted_is_there_after_a_reload() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        browser.open(&relay.view("submit")).await;
        browser.paste("#paste", &links(3).join("\n")).await;
        until_understood(browser, "videos", 3).await;
        browser.reload().await;
        until_understood(browser, "videos", 3).await;
        assert_eq!(relay.links().await, Accepted::all(0, 0), "nothing was sent");
        relay
    })
    .await;
}
