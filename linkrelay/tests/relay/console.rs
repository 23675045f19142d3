use std::collections::BTreeSet;

use linkrelay_fake_youtube::FakeYouTubeSettings;

use crate::site::{Site, link};

#[tokio::test(flavor = "multi_thread")]
async fn lines_typed_by_hand_become_documents_and_rubbish_a_dead_letter() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let consumer = site.consumer(&[]);
    let lines = format!(
        "{{\"links\":\"{}\"}}\n{{\"links\":[\"{}\",\"{}\"]}}\n{}\nthis is rubbish\n{}\n",
        link(0),
        link(1),
        link(2),
        link(3),
        link(4)
    );
    site.type_in(lines.as_bytes());
    consumer.until_ready().await;
    site.until_lag_is_zero().await;
    let documents = site.documents().await;
    let links: BTreeSet<String> =
        documents.iter().map(|document| document.get_str("link").unwrap().to_owned()).collect();
    let rubbish = "this is rubbish".to_owned();
    assert_eq!(links, (0..5).map(link).chain([rubbish]).collect());
    assert_eq!(documents.len(), 6);
    let dead_letters = site.dead_letters().await;
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(dead_letters[0].value.as_deref(), Some(b"this is rubbish".as_slice()));
    assert_eq!(dead_letters[0].header("linkrelay-error-class"), Some("malformed"));
    assert!(dead_letters[0].header("linkrelay-error").is_some());
    assert!(dead_letters[0].header("linkrelay-origin").unwrap().starts_with(&site.topic));
    consumer.stop().await;
}
