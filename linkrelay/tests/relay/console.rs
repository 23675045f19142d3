use crate::helpers::{link, links};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_console_become_documents_and_a_malformed_one_a_dead_letter() {
    let site = Site::new().await;
    let consumer = site.consumer(&[]);
    let lines = format!(
        "{{\"links\":\"{}\"}}\n{{\"links\":[\"{}\",\"{}\"]}}\n{}\nthis is rubbish\n{}\n",
        link(0),
        link(1),
        link(2),
        link(3),
        link(4)
    );
    site.type_in(lines);
    consumer.until_ready().await;
    site.until_lag_is_zero().await;
    let malformed = "this is rubbish".to_owned();
    assert_eq!(site.texts("link").await, [links(0..5), vec![malformed]].concat());
    let dead_letters = site.dead_letters().await;
    assert_eq!(dead_letters.len(), 1);
    assert_eq!(dead_letters[0].value.as_deref(), Some(b"this is rubbish".as_slice()));
    assert_eq!(dead_letters[0].header("linkrelay-error-class"), Some("malformed"));
    assert!(dead_letters[0].header("linkrelay-error").is_some());
    assert!(dead_letters[0].header("linkrelay-origin").unwrap().starts_with(&site.topic));
    consumer.stop().await;
}
