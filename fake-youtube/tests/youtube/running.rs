use std::time::Duration;

use futures::future::join_all;
use linkrelay_fake_youtube::pages::id_from_name;
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings, Hits, Route};
use tokio::net::TcpStream;

use crate::helpers::{ID, TestYouTube, until};

const HOURS: Duration = Duration::from_secs(36_000);

#[tokio::test]
async fn two_servers_tell_the_same_of_the_same_video() {
    let (one, two) = (TestYouTube::start().await, TestYouTube::start().await);
    for n in 0..20 {
        let id = id_from_name(&format!("twice {n}"));
        let (first, second) =
            (one.watch(&id).await.bytes().await, two.watch(&id).await.bytes().await);
        assert_eq!(first.unwrap(), second.unwrap());
    }
}

#[tokio::test]
async fn hits_are_counted_by_route_video_and_failure() {
    let youtube = TestYouTube::start().await;
    youtube.fake.set_failure("aaaaaaaaaaa", Some(Failure::ServerError));
    youtube.watch(ID).await;
    youtube.player(ID, "WEB").await;
    youtube.oembed("aaaaaaaaaaa").await;
    let hits = youtube.fake.hits();
    assert_eq!((hits.total, hits.video(ID), hits.video("aaaaaaaaaaa")), (3, 2, 1));
    assert_eq!(
        [Route::Watch, Route::Player, Route::Oembed].map(|route| hits.route(route)),
        [1, 1, 1]
    );
    assert_eq!((hits.failure(Failure::ServerError), hits.max_in_flight), (1, 1));
    youtube.fake.reset_hits();
    assert_eq!(youtube.fake.hits(), Hits::default());
}

#[tokio::test]
async fn requests_wait_for_the_latency_together_and_are_let_go_by_a_change() {
    let youtube = TestYouTube::start_with(|settings| settings.latency = HOURS).await;
    let ask = join_all((0..10).map(|n| {
        let youtube = &youtube;
        async move { youtube.watch(&id_from_name(&n.to_string())).await.status() }
    }));
    let let_go = async {
        until("ten are in flight", || youtube.fake.hits().in_flight == 10).await;
        youtube.fake.set_latency(Duration::ZERO);
    };
    let (statuses, ()) = tokio::join!(ask, let_go);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let hits = youtube.fake.hits();
    assert_eq!((hits.max_in_flight, hits.in_flight), (10, 0));
}

#[tokio::test]
async fn a_transient_failure_by_rate_is_over_after_its_attempts() {
    let youtube = TestYouTube::start_with(|settings| {
        settings.rates = vec![(Failure::ServerError, 1.0)];
        settings.transient_attempts = Some(2);
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(youtube.watch(ID).await.status().as_u16());
    }
    assert_eq!(statuses, [503, 503, 200]);
    youtube.fake.set_rates(vec![(Failure::NotFound, 1.0)]);
    assert_eq!(youtube.watch(ID).await.status(), 404);
}

#[tokio::test]
async fn a_stop_answers_what_waits_and_then_nobody_listens() {
    let youtube = TestYouTube::start_with(|settings| settings.latency = HOURS).await;
    let (client, url) =
        (youtube.client.clone(), format!("{}/watch?v={ID}", youtube.fake.base_url()));
    let waiting = tokio::spawn(async move { client.get(url).send().await });
    until("it waits", || youtube.fake.hits().in_flight == 1).await;
    let addr = youtube.fake.addr();
    youtube.fake.stop().await;
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_drop_ends_everything_at_once_and_takes_the_certificate_away() {
    let youtube = TestYouTube::start_with(|settings| settings.latency = HOURS).await;
    let (client, url) =
        (youtube.client.clone(), format!("{}/watch?v={ID}", youtube.fake.base_url()));
    let waiting = tokio::spawn(async move { client.get(url).send().await });
    until("it waits", || youtube.fake.hits().in_flight == 1).await;
    let (addr, ca_path) = (youtube.fake.addr(), youtube.fake.ca_cert_path().to_owned());
    assert!(ca_path.exists());
    drop(youtube.fake);
    assert!(waiting.await.unwrap().is_err());
    assert!(!ca_path.exists());
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_certificate_with_a_place_of_its_own_stays_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let youtube = TestYouTube::start_with(|settings| settings.ca_cert = Some(path.clone())).await;
    assert_eq!(youtube.fake.ca_cert_path(), path);
    assert_eq!(youtube.watch(ID).await.status(), 200);
    youtube.fake.stop().await;
    assert!(std::fs::read_to_string(path).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_named() {
    let youtube = TestYouTube::start().await;
    let missing = std::path::PathBuf::from("/nowhere/at/all");
    let taken = FakeYouTubeSettings { addr: youtube.fake.addr(), ..Default::default() };
    let no_folder =
        FakeYouTubeSettings { ca_cert: Some(missing.join("ca.pem")), ..Default::default() };
    let no_corpus = FakeYouTubeSettings { corpus: Some(missing), ..Default::default() };
    for (settings, word) in [
        (taken, youtube.fake.addr().to_string()),
        (no_folder, "ca.pem".to_owned()),
        (no_corpus, "/nowhere/at/all".to_owned()),
    ] {
        let error = FakeYouTube::start(settings).await.unwrap_err();
        assert!(format!("{error:#}").contains(&word), "{error:#}");
    }
}

#[tokio::test]
async fn another_address_of_this_machine_is_in_the_certificate() {
    let youtube =
        TestYouTube::start_with(|settings| settings.addr = "127.0.0.2:0".parse().unwrap()).await;
    assert!(youtube.fake.base_url().starts_with("https://127.0.0.2:"));
    assert_eq!(youtube.watch(ID).await.status(), 200);
}
