use std::time::Duration;

use futures::future::join_all;
use linkrelay_fake_youtube::pages::id_from_name;
use linkrelay_fake_youtube::{Failure, Hits, Route};
use tokio::net::TcpStream;

use crate::helpers::{ID, TestYouTube, until};

const HOURS: Duration = Duration::from_secs(36_000);

#[tokio::test]
async fn hits_are_counted_by_route_and_video() {
    let youtube = TestYouTube::start().await;
    youtube.fake.set_failure("aaaaaaaaaaa", Some(Failure::ServerError));
    youtube.watch(ID).await;
    youtube.player(ID, "WEB").await;
    youtube.oembed("aaaaaaaaaaa").await;
    let hits = youtube.fake.hits();
    assert_eq!((hits.total, hits.video(ID), hits.video("aaaaaaaaaaa")), (3, 2, 1));
    let routes = [Route::Watch, Route::Player, Route::Oembed];
    assert_eq!(routes.map(|route| hits.route(route)), [1, 1, 1]);
    assert_eq!(hits.max_in_flight, 1);
    youtube.fake.reset_hits();
    assert_eq!(youtube.fake.hits(), Hits::default());
}

#[tokio::test]
async fn requests_wait_for_the_latency_concurrently_and_a_change_releases_them() {
    let youtube = TestYouTube::start_with(|settings| settings.latency = HOURS).await;
    let ask = join_all((0..10).map(|n| {
        let youtube = &youtube;
        async move { youtube.watch(&id_from_name(&n.to_string())).await.status() }
    }));
    let release = async {
        until("ten are in flight", || youtube.fake.hits().in_flight == 10).await;
        youtube.fake.set_latency(Duration::ZERO);
    };
    let (statuses, ()) = tokio::join!(ask, release);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let hits = youtube.fake.hits();
    assert_eq!((hits.max_in_flight, hits.in_flight), (10, 0));
}

#[tokio::test]
async fn a_stop_answers_requests_in_flight_and_closes_the_port() {
    let youtube = TestYouTube::start_with(|settings| settings.latency = HOURS).await;
    let waiting = youtube.start_watch(ID).await;
    let addr = youtube.fake.addr();
    youtube.fake.stop().await;
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert!(TcpStream::connect(addr).await.is_err());
}
