//! Proxies: requests use them in rotation; one that is throttled or unreachable cools down alone,
//! and nothing is lost.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, Extractor, ExtractorSettings};
use linkrelay_fake_youtube::pages;
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::forward::{ForwardProxy, ForwardSettings};
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

use super::{ID, settings};

/// Two proxies, each of which connects to its own fake YouTube, so that each can be throttled
/// separately.
struct TwoProxies {
    fakes: [FakeYouTube; 2],
    proxies: [ForwardProxy; 2],
    authorities: tempfile::NamedTempFile,
}

impl TwoProxies {
    async fn start() -> Self {
        let mut authorities = tempfile::NamedTempFile::new().unwrap();
        let (mut fakes, mut proxies) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let settings = FakeYouTubeSettings { http2: true, ..FakeYouTubeSettings::default() };
            let fake = FakeYouTube::start(settings).await.unwrap();
            authorities.write_all(&std::fs::read(fake.ca_cert_path()).unwrap()).unwrap();
            proxies.push(proxy(&fake).await);
            fakes.push(fake);
        }
        Self { fakes: fakes.try_into().unwrap(), proxies: proxies.try_into().unwrap(), authorities }
    }

    /// Builds an extractor that uses both, unless `change` changes the settings.
    fn extractor(&self, change: impl FnOnce(&mut ExtractorSettings)) -> Arc<Extractor> {
        let urls = self.proxies.each_ref().map(|proxy| url("http", proxy)).join(",");
        extractor(self.authorities.path(), |settings| {
            settings.proxy_urls = Some(urls.into());
            change(settings);
        })
    }

    fn hits(&self) -> [u64; 2] {
        self.fakes.each_ref().map(|fake| fake.hits().total)
    }

    fn throttle(&self, which: usize, retry_after: Duration) {
        let throttled = Failure::Throttled { retry_after: Some(retry_after) };
        self.fakes[which].set_rates(vec![(throttled, 1.0)]);
    }
}

async fn proxy(fake: &FakeYouTube) -> ForwardProxy {
    let to = Some(fake.addr());
    ForwardProxy::start(ForwardSettings { to, ..ForwardSettings::default() }).await.unwrap()
}

fn url(scheme: &str, proxy: &ForwardProxy) -> String {
    format!("{scheme}://{}", proxy.addr())
}

/// Builds an extractor that can reach YouTube only through a proxy: no server listens at its base
/// URL.
fn extractor(
    authority: &std::path::Path,
    change: impl FnOnce(&mut ExtractorSettings),
) -> Arc<Extractor> {
    let unreachable = format!("https://127.0.0.1:{}", free_port().unwrap());
    let mut settings = settings("watch_page", unreachable, authority);
    change(&mut settings);
    settings.build_extractor().unwrap()
}

async fn found(extractor: &Arc<Extractor>, names: std::ops::Range<usize>) -> usize {
    let asks = names.map(|name| {
        let id = VideoId::parse(&pages::id_from_name(&format!("by proxy {name}"))).unwrap();
        let extractor = Arc::clone(extractor);
        tokio::spawn(async move { extractor.extract(id, false).await.unwrap() })
    });
    let answers = futures::future::join_all(asks.collect::<Vec<_>>()).await;
    answers.into_iter().filter(Result::is_ok).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_used_in_rotation_and_keep_their_connections() {
    let two = TwoProxies::start().await;
    let extractor = two.extractor(|_| {});
    for name in 0..20 {
        assert_eq!(found(&extractor, name..name + 1).await, 1);
    }
    assert_eq!(two.hits(), [10, 10]);
    assert_eq!(two.proxies.each_ref().map(ForwardProxy::tunnels), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_uses_a_proxy_of_every_kind() {
    let fake = FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap();
    let proxy = proxy(&fake).await;
    let id = VideoId::parse(ID).unwrap();
    for scheme in ["http", "socks5", "socks5h"] {
        for strategy in ["watch_page", "innertube", "rusty_ytdl", "oembed"] {
            let before = (proxy.tunnels(), fake.hits().total);
            let extractor = extractor(fake.ca_cert_path(), |settings| {
                settings.extractors = strategy.to_owned();
                settings.proxy_urls = Some(url(scheme, &proxy).into());
            });
            let extraction = extractor.extract(id, false).await.unwrap();
            assert_eq!(extraction.source, strategy);
            let after = (proxy.tunnels(), fake.hits().total);
            assert_eq!(after, (before.0 + 1, before.1 + 1), "{scheme} {strategy}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_throttled_cools_down_alone_and_nothing_is_lost() {
    let two = TwoProxies::start().await;
    two.throttle(0, Duration::from_secs(3_600));
    let extractor = two.extractor(|settings| settings.max_concurrent_fetches = 8);
    assert_eq!(found(&extractor, 0..200).await, 200);
    let [throttled, other] = two.hits();
    // Only the requests that were in flight when the first one was throttled.
    assert!((1..=4).contains(&throttled), "{throttled}");
    assert_eq!(other, 200);
    let gate = extractor.state().gate;
    assert_eq!((gate.exits, gate.resting, gate.cooling), (2, 1, None));
    assert_eq!((gate.cool_downs_total, gate.limit), (1, 2 + 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_has_cooled_down_for_its_retry_after_is_used_again() {
    let two = TwoProxies::start().await;
    two.throttle(0, Duration::from_secs(1));
    let extractor = two.extractor(|_| {});
    assert_eq!(found(&extractor, 0..2).await, 2);
    let [asked, _] = two.hits();
    assert_eq!(extractor.state().gate.resting, 1);
    two.fakes[0].set_rates(vec![]);
    let mut name = 2;
    wait_for("the throttled proxy to be used again", LONG, SHORT, async || {
        name += 1;
        found(&extractor, name..name + 1).await;
        if two.hits()[0] > asked { Ok(()) } else { Err(format!("{:?}", extractor.state())) }
    })
    .await
    .unwrap();
    assert_eq!(extractor.state().gate.resting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_cool_down_the_error_says_how_long() {
    let two = TwoProxies::start().await;
    two.throttle(0, Duration::from_secs(60));
    two.throttle(1, Duration::from_secs(30));
    let extractor = two.extractor(|_| {});
    for _ in 0..3 {
        let error = extractor.extract(VideoId::parse(ID).unwrap(), false).await.unwrap_err();
        let linkrelay_extractor::ExtractError::Throttled { retry_after, .. } = error else {
            panic!("{error}")
        };
        let wait = retry_after.unwrap().as_secs_f64();
        assert!((0.0..=30.0).contains(&wait), "{wait}");
    }
    assert_eq!(two.hits(), [1, 1]);
    assert!(extractor.state().gate.cooling.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_proxy_costs_no_link() {
    let two = TwoProxies::start().await;
    let unused = free_port().unwrap();
    let urls = format!("http://127.0.0.1:{unused},{}", url("http", &two.proxies[1]));
    let extractor = two.extractor(|settings| settings.proxy_urls = Some(urls.into()));
    assert_eq!(found(&extractor, 0..50).await, 50);
    assert_eq!(two.hits(), [0, 50]);
    // The last proxy is used nevertheless, and its error is the link's.
    let alone = two.extractor(|settings| {
        settings.proxy_urls = Some(format!("http://127.0.0.1:{unused}").into());
    });
    let error = alone.extract(VideoId::parse(ID).unwrap(), false).await.unwrap_err();
    assert_eq!(error.code(), "proxy");
    assert_eq!(alone.state().gate.resting, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_sent_to_the_proxy_and_never_shown() {
    let fake = FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap();
    let credentials = Some(("user".to_owned(), "hunter@2".to_owned()));
    let settings = ForwardSettings { to: Some(fake.addr()), credentials };
    let proxy = ForwardProxy::start(settings).await.unwrap();
    let id = VideoId::parse(ID).unwrap();
    let ask = async |password: &str| {
        let urls = format!("http://user:{password}@{}", proxy.addr());
        let extractor = extractor(fake.ca_cert_path(), |settings| {
            settings.proxy_urls = Some(urls.into());
            assert!(!format!("{settings:?}").contains("hunter"));
        });
        (extractor.extract(id, false).await, format!("{extractor:?}"))
    };
    let (answer, shown) = ask("hunter%402").await;
    assert!(answer.is_ok(), "{answer:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    let (answer, _) = ask("hunter1").await;
    let error = answer.unwrap_err();
    assert_eq!(error.code(), "proxy");
    assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
    assert_eq!((proxy.tunnels(), proxy.refused()), (1, 1));
}
