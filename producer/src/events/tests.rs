use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample::{expanded, failed, stored};
use linkrelay_store::testing::{FaultyStore, Method};
use linkrelay_store::{LinkDocument, LinkStore};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::watcher::Watcher;
use super::{Hub, IndexRanges, News};
use crate::slots::TooMany;

const SECOND: Duration = Duration::from_secs(1);

struct Site {
    store: Arc<FaultyStore>,
    stop: CancellationToken,
    hub: Hub,
}

fn site(max_streams: usize) -> Site {
    let (store, stop) = (Arc::new(FaultyStore::default()), CancellationToken::new());
    let hub = Hub::new(Arc::clone(&store) as _, 10 * SECOND, max_streams, stop.clone());
    Site { store, stop, hub }
}

impl Site {
    fn watch(&self, id: RequestId) -> Watcher {
        self.watch_from(id, "")
    }

    fn watch_from(&self, id: RequestId, seen: &str) -> Watcher {
        self.hub.watch(id, seen.parse().unwrap()).unwrap()
    }

    async fn write(&self, documents: impl IntoIterator<Item = LinkDocument>) {
        let documents: Vec<_> = documents.into_iter().collect();
        self.store.write_batch(&documents).await.unwrap();
    }

    fn polls(&self) -> usize {
        self.store.counts(Method::RequestLinks).calls
    }
}

/// What a client makes of its stream.
#[derive(Debug, Default)]
struct Client {
    links: Vec<u32>,
    last_id: String,
    kinds: Vec<&'static str>,
}

impl Client {
    fn take(&mut self, news: News) {
        let kind = match news {
            News::Link(link, id) => {
                self.links.push(link.index);
                self.last_id = id;
                "link"
            }
            News::Counters(_) => "counters",
            News::StoreUnavailable => "store_unavailable",
            News::Done(counters) => {
                assert_eq!(counters.pending(), 0);
                "done"
            }
            News::Idle(_) => "idle",
        };
        if self.kinds.last() != Some(&kind) {
            self.kinds.push(kind);
        }
    }

    /// Reads until the stream ends.
    async fn read(&mut self, watcher: &mut Watcher) {
        while let Some(news) = watcher.next().await {
            self.take(news);
        }
    }

    async fn read_news(&mut self, watcher: &mut Watcher) {
        let news = watcher.next().await.expect("the stream ended");
        self.take(news);
    }
}

#[tokio::test(start_paused = true)]
async fn one_poll_a_second_serves_all_watchers() {
    let site = site(10);
    let id = RequestId::new(10);
    let begin = Instant::now();
    let watchers: Vec<_> = (0..5).map(|_| site.watch(id)).collect();
    let reading = watchers.into_iter().map(async |mut watcher| {
        let mut client = Client::default();
        client.read(&mut watcher).await;
        client
    });
    let writing = async {
        for index in (0..10).rev() {
            site.write([stored(id, index)]).await;
            sleep(SECOND * 9 / 10).await;
        }
    };
    let (clients, ()) = tokio::join!(futures::future::join_all(reading), writing);
    for client in clients {
        assert_eq!(client.links.iter().copied().collect::<BTreeSet<_>>(), (0..10).collect());
        assert_eq!((client.links.len(), client.kinds.last()), (10, Some(&"done")));
    }
    let seconds = begin.elapsed().as_secs() as usize;
    assert!(seconds < 12, "{seconds} s");
    assert!(site.polls() <= seconds + 1, "{} polls in {seconds} s", site.polls());
}

#[tokio::test(start_paused = true)]
async fn without_news_it_polls_less_and_a_stream_ends_after_ten_minutes() {
    let site = site(1);
    let mut watcher = site.watch(RequestId::new(3));
    let (mut client, begin) = (Client::default(), Instant::now());
    client.read(&mut watcher).await;
    assert_eq!(client.kinds, ["counters", "idle"]);
    assert_eq!(begin.elapsed().as_secs(), 600);
    assert!((100..130).contains(&site.polls()), "{} polls", site.polls());
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_and_go_do_not_add_polls_and_leave_none_behind() {
    let site = site(1);
    let id = RequestId::new(3);
    for _ in 0..100 {
        let mut watcher = site.watch(id);
        watcher.next().await;
        sleep(SECOND / 10).await;
    }
    assert!(site.polls() <= 11, "{} polls in 10 s", site.polls());
    sleep(10 * SECOND).await;
    let polls = site.polls();
    sleep(60 * SECOND).await;
    assert_eq!(site.polls(), polls);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_reads_nothing_meanwhile_gets_all_links_later() {
    let site = site(2);
    let id = RequestId::new(3_000);
    let (mut slow, mut fast) = (site.watch(id), site.watch(id));
    let reading = async {
        let mut client = Client::default();
        client.read(&mut fast).await;
        client.links.len()
    };
    let writing = async {
        for first in (0..3_000).step_by(100) {
            site.write((first..first + 100).map(|index| stored(id, index))).await;
            sleep(SECOND).await;
        }
    };
    assert_eq!(tokio::join!(reading, writing).0, 3_000);
    let mut client = Client::default();
    client.read(&mut slow).await;
    assert_eq!(client.links, (0..3_000).collect::<Vec<_>>());
    assert_eq!((client.last_id.as_str(), client.kinds), ("0-2999", vec!["link", "done"]));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_reported_once_and_the_stream_goes_on() {
    let site = site(1);
    let id = RequestId::new(2);
    site.store.set_down(true);
    let mut watcher = site.watch(id);
    let mut client = Client::default();
    client.read_news(&mut watcher).await;
    sleep(60 * SECOND).await;
    site.store.set_down(false);
    client.read_news(&mut watcher).await;
    site.write([stored(id, 1)]).await;
    client.read_news(&mut watcher).await;
    client.read_news(&mut watcher).await;
    site.store.set_down(true);
    client.read_news(&mut watcher).await;
    site.store.set_down(false);
    site.write([failed(id, 0)]).await;
    client.read(&mut watcher).await;
    let outage = ["store_unavailable", "counters", "link", "counters"];
    assert_eq!(client.kinds, [&outage[..], &["store_unavailable", "link", "done"]].concat());
    assert_eq!(client.links, [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_reported() {
    let site = site(1);
    site.store.hang(Method::RequestLinks);
    let mut watcher = site.watch(RequestId::new(2));
    assert!(matches!(watcher.next().await, Some(News::StoreUnavailable)));
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_and_a_closed_one_makes_room() {
    let site = site(2);
    let id = RequestId::new(1);
    let first = site.watch(id);
    let _second = site.watch(id);
    let refused = site.hub.watch(id, IndexRanges::default()).map(drop);
    assert!(matches!(refused, Err(TooMany { .. })));
    drop(first);
    site.watch(id);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_streams_and_polls_immediately() {
    let site = site(2);
    let id = RequestId::new(2);
    site.write([stored(id, 0)]).await;
    let (mut waiting, mut unread) = (site.watch(id), site.watch(id));
    for _ in 0..2 {
        waiting.next().await;
    }
    let begin = Instant::now();
    let stopping = async { site.stop.cancel() };
    let (news, ()) = tokio::join!(waiting.next(), stopping);
    assert!(news.is_none() && unread.next().await.is_none());
    site.hub.ended().await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_id_of_more_links_than_there_can_be_costs_few_queries() {
    let site = site(1);
    let id = RequestId::new(u32::MAX);
    site.write([stored(id, u32::MAX - 1)]).await;
    let mut watcher = site.watch(id);
    assert!(matches!(watcher.next().await, Some(News::Counters(_))));
    assert!(site.polls() <= 20, "{} queries", site.polls());
}

#[tokio::test(start_paused = true)]
async fn an_id_stays_short_although_every_other_link_is_pending() {
    let site = site(1);
    let id = RequestId::new(1_000);
    site.write((0..1_000).step_by(2).map(|index| stored(id, index))).await;
    let (mut watcher, mut client) = (site.watch(id), Client::default());
    while client.kinds.last() != Some(&"counters") {
        client.read_news(&mut watcher).await;
    }
    assert_eq!(client.links, (0..200).step_by(2).collect::<Vec<_>>());
    site.write((1..1_000).step_by(2).map(|index| stored(id, index))).await;
    client.read(&mut watcher).await;
    client.links.sort_unstable();
    assert_eq!(client.links, (0..1_000).collect::<Vec<_>>());
    assert_eq!(client.last_id, "0-999");
}

#[tokio::test(start_paused = true)]
async fn the_gaps_between_lists_do_not_make_an_id_long() {
    let site = site(1);
    let id = RequestId::new(150);
    let first = |list: u32| 150 + 10_000 * list;
    site.write((0..150).map(|list| expanded(id, list, 2))).await;
    site.write((0..150).flat_map(|list| [stored(id, first(list)), stored(id, first(list) + 1)]))
        .await;
    let mut client = Client::default();
    client.read(&mut site.watch(id)).await;
    assert_eq!((client.links.len(), client.kinds.last()), (450, Some(&"done")));
    assert_eq!(client.last_id, format!("0-{}", first(149) + 1));
}

/// Reads a request whose documents are written in this order, and is cut after each of `cuts`
/// events; returns the links in the order in which they came.
async fn read_with_cuts(id: RequestId, documents: Vec<LinkDocument>, cuts: Vec<usize>) -> Client {
    let site = site(1);
    let writing = async {
        for part in documents.chunks(7) {
            site.write(part.iter().cloned()).await;
            sleep(SECOND).await;
        }
    };
    let reading = async {
        let mut client = Client::default();
        for events_count in cuts {
            let mut watcher = site.watch_from(id, &client.last_id);
            for _ in 0..events_count {
                let Some(news) = watcher.next().await else { break };
                client.take(news);
                assert!(client.last_id.len() < 2_300, "{} bytes", client.last_id.len());
            }
        }
        client.read(&mut site.watch_from(id, &client.last_id)).await;
        client
    };
    tokio::join!(writing, reading).1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn each_link_comes_once_however_often_the_connection_is_cut(
        order in Just((0..403_u32).collect::<Vec<_>>()).prop_shuffle(),
        cuts in proptest::collection::vec(0_usize..400, 0..10),
    ) {
        // The links 0 and 2 are lists of 40 and 60 videos, with a gap between them.
        let id = RequestId::new(303);
        let index = |number: u32| match number {
            0..343 => number,
            _ => number - 343 + 20_303,
        };
        let documents = order.iter().map(|number| match number {
            0 => expanded(id, 0, 40),
            2 => expanded(id, 2, 60),
            number if number % 3 == 0 => failed(id, index(*number)),
            number => stored(id, index(*number)),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let mut client = runtime.block_on(read_with_cuts(id, documents.collect(), cuts));
        client.links.sort_unstable();
        prop_assert_eq!(client.links, (0..403).map(index).collect::<Vec<_>>());
        prop_assert_eq!(client.kinds.last(), Some(&"done"));
    }
}
