use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::files::downloaded;
use crate::harness::{Relay, in_browser, links};

#[tokio::test(flavor = "multi_thread")]
async fn the_export_has_what_the_library_shows() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        relay.fill(&links(120)).await;
        browser.open(&relay.view("library&q=bees")).await;
        browser.until_shown("#videos [data-video]").await;
        browser.until("the whole list", "return document.querySelector('#videos').getAttribute('aria-busy') === 'false' && document.querySelector('#videos').getAttribute('aria-rowcount') !== '-1';").await;
        let shown: BTreeSet<String> = browser.eval("return [...document.querySelectorAll('#videos [data-video]')].map((e) => e.dataset.video);").await;
        assert!(shown.len() > 1 && shown.len() < 60, "{shown:?}");
        for (link, ending) in [("#export", ".csv"), ("#export-ndjson", ".ndjson")] {
            browser.click(link).await;
            let (name, bytes) = downloaded(&browser.downloads()).await;
            assert!(name.ends_with(ending), "{name}");
            let text = String::from_utf8(bytes).unwrap();
            let exported = if ending == ".csv" { ids_of_csv(&text) } else { ids_of_lines(&text) };
            assert_eq!(exported, shown, "{name}");
            std::fs::remove_file(browser.downloads().join(name)).unwrap();
        }
        relay
    })
    .await;
}

/// The last line is only the end.
fn ids_of_lines(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["end"].is_null())
        .map(|document| document["video_id"].as_str().unwrap().to_owned())
        .collect()
}

fn ids_of_csv(text: &str) -> BTreeSet<String> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let column = reader.headers().unwrap().iter().position(|name| name == "video_id").unwrap();
    reader.records().map(|record| record.unwrap()[column].to_owned()).collect()
}
