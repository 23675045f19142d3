//! Two producers on one broker that are posted to in turns, a second each: what differs between
//! runs, or grows while one lasts, is then the same for both, and a few percent can be seen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use linkrelay_http::keys::KeyText;
use linkrelay_producer::PartDied;
use linkrelay_store::testing::FaultyStore;
use linkrelay_testkit::kafka::KafkaBroker;

use crate::kafka::fresh_topic;
use crate::key_file::KeyFile;
use crate::load::closed_loop::{ClosedLoop, Posted};
use crate::roles::{Running, start_producer};

const TURN: Duration = Duration::from_secs(1);
/// The time in which the connections of a turn are opened.
const TURN_WARM_UP: Duration = Duration::from_millis(200);

/// One of the producers.
pub(crate) struct Side<'a> {
    broker: &'a KafkaBroker,
    topic: String,
    addr: SocketAddr,
    producer: Running<PartDied>,
    key: Option<KeyText>,
    acknowledged: usize,
}

impl<'a> Side<'a> {
    /// Starts a producer on a new topic, with API keys if there are some.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn start(broker: &'a KafkaBroker, keys: Option<&KeyFile>) -> Result<Self> {
        let topic = fresh_topic(broker).await?;
        let store = Arc::new(FaultyStore::default());
        let (addr, producer) = start_producer(broker, &topic, store, keys).await?;
        let key = keys.map(|keys| keys.key.clone());
        Ok(Self { broker, topic, addr, producer, key, acknowledged: 0 })
    }

    /// Posts for a while.
    ///
    /// # Errors
    /// If an answer is not 201.
    pub(crate) async fn post(&mut self, closed_loop: ClosedLoop) -> Result<Posted> {
        let posted = closed_loop.run_with_key(self.addr, self.key.clone()).await?;
        self.acknowledged += posted.links_acknowledged;
        Ok(posted)
    }

    /// Checks that every link that was answered 201 is there.
    ///
    /// # Errors
    /// If the topic has another number of links.
    pub(crate) async fn stop(self) -> Result<()> {
        self.producer.stop().await?;
        let arrived: i64 = self.broker.end_offsets(&self.topic).await?.values().sum();
        let acknowledged = i64::try_from(self.acknowledged)?;
        ensure!(arrived == acknowledged, "{arrived} arrived, {acknowledged} were acknowledged");
        Ok(())
    }
}

/// Returns the requests a second of both sides, the mean of their turns, after one that warms up;
/// checks that every link that was answered 201 is there.
///
/// # Errors
/// If an answer is not 201, or a topic has another number of links.
pub(crate) async fn in_turns(
    mut sides: [Side<'_>; 2],
    closed_loop: ClosedLoop,
) -> Result<[f64; 2]> {
    let turns = closed_loop.duration.as_secs().max(1);
    for side in &mut sides {
        side.post(ClosedLoop { duration: TURN, ..closed_loop }).await?;
    }
    let turn = ClosedLoop { warm_up: TURN_WARM_UP, duration: TURN, ..closed_loop };
    let mut rates = [0.0; 2];
    for number in 0..turns {
        // Neither is always the first.
        let order = if number.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        for index in order {
            rates[index] += sides[index].post(turn).await?.requests_per_second() / turns as f64;
        }
    }
    for side in sides {
        side.stop().await?;
    }
    Ok(rates)
}
