use crate::harness::{Relay, in_browser};

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_api_ask_nobody_else_and_break_no_rule_of_theirs() {
    in_browser(async |browser| {
        let relay = Relay::demo().await;
        browser.open(&relay.url("/docs/")).await;
        browser.until_shown(".swagger-ui .opblock").await;
        relay
    })
    .await;
}
