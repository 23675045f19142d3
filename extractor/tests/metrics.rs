//! What /metrics shows of the extractor. It is a separate binary, because metrics are counted for
//! the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::metrics::ProcessRoles;
use linkrelay_common::{VideoId, metrics};
use linkrelay_extractor::{Extract, ExtractorSettings};
use linkrelay_fake_youtube::pages;
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

fn video(name: &str) -> VideoId {
    VideoId::parse(&pages::id_from_name(name)).unwrap()
}

/// Returns the value of a line of /metrics; panics without one.
fn value(extractor: &Arc<dyn Extract>, line: &str) -> f64 {
    extractor.publish_gauges();
    let text = metrics::render().unwrap();
    let value = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {line} in\n{text}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_breakers_and_gate_are_on_the_metrics_page() {
    metrics::start(ProcessRoles::Consumer).unwrap();
    let fake = FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap();
    let settings = ExtractorSettings {
        extractors: "oembed,watch_page".to_owned(),
        youtube_base_url: Some(fake.base_url()),
        youtube_ca_cert: Some(fake.ca_cert_path().to_owned()),
        max_concurrent_fetches: 8,
        // One refusal after the other would wait for the canary each time.
        canary_video: "off".to_owned(),
        ..ExtractorSettings::default()
    };
    let with_canary = ExtractorSettings {
        extractors: "watch_page".to_owned(),
        canary_video: ExtractorSettings::default().canary_video,
        ..settings.clone()
    };
    let extractor = settings.build().unwrap();
    let breaker =
        |strategy| format!(r#"linkrelay_strategy_breaker_state{{strategy="{strategy}"}}"#);
    let answers = |from| format!(r#"linkrelay_extractor_answers_total{{from="{from}"}}"#);
    for strategy in ["oembed", "watch_page"] {
        assert_eq!(value(&extractor, &breaker(strategy)), 0.0);
    }
    assert_eq!(value(&extractor, "linkrelay_fetch_limit"), 8.0);
    assert_eq!(value(&extractor, "linkrelay_fetch_cool_down_seconds"), 0.0);

    // A request in flight, a call that joins it, and a call that finds the answer in the cache.
    fake.set_latency(Duration::from_secs(3_600));
    let asked = video("asked");
    let ask = || {
        let extractor = Arc::clone(&extractor);
        tokio::spawn(async move { extractor.extract(asked, false).await })
    };
    let (first, second) = (ask(), ask());
    until("both wait for one request", || {
        value(&extractor, &answers("flight")) == 1.0
            && value(&extractor, "linkrelay_fetches_in_flight") == 1.0
    })
    .await;
    fake.set_latency(Duration::ZERO);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    ask().await.unwrap().unwrap();
    for from in ["question", "flight", "memory"] {
        assert_eq!(value(&extractor, &answers(from)), 1.0, "{from}");
    }
    until("no request is in flight", || value(&extractor, "linkrelay_fetches_in_flight") == 0.0)
        .await;

    // oEmbed's refusal proves nothing and the page's does, so it counts as oEmbed's failure.
    fake.reset_hits();
    for number in 0..20 {
        let private = video(&format!("private {number}"));
        fake.set_failure(private.as_str(), Some(Failure::Private));
        assert_eq!(extractor.extract(private, false).await.unwrap_err().code(), "private");
    }
    assert_eq!(value(&extractor, &breaker("oembed")), 2.0);
    assert_eq!(value(&extractor, &breaker("watch_page")), 0.0);
    assert_eq!(fake.hits().total, 25, "oEmbed five times, the page for each");

    let throttled = video("throttled");
    let retry_after = Some(Duration::from_secs(60));
    fake.set_failure(throttled.as_str(), Some(Failure::Throttled { retry_after }));
    assert_eq!(extractor.extract(throttled, false).await.unwrap_err().code(), "throttled");
    assert_eq!(value(&extractor, "linkrelay_fetch_limit"), 4.0);
    assert_eq!(value(&extractor, "linkrelay_cool_downs_total"), 1.0);
    let cool_down = value(&extractor, "linkrelay_fetch_cool_down_seconds");
    assert!(cool_down > 0.0 && cool_down <= 60.0, "{cool_down}");
    let refused = with_canary.build().unwrap();
    assert_eq!(refused.extract(video("private 1"), false).await.unwrap_err().code(), "private");
    let found = r#"linkrelay_canary_requests_total{result="found"}"#;
    assert_eq!(value(&extractor, found), 1.0);
    assert!(metrics::render().unwrap().contains("# HELP linkrelay_strategy_breaker_state A strat"));
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let check = async || if condition() { Ok(()) } else { Err(metrics::render().unwrap()) };
    wait_for(what, LONG, SHORT, check).await.unwrap();
}
