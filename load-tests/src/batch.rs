//! Links a second in requests of 100, against a bare `FutureProducer`: the same records, the same
//! settings (acks=all, idempotent, lz4), equally many in flight, awaited a hundred at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::{join_all, try_join_all};
use linkrelay_testkit::kafka::KafkaBroker;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::http::{closed_loop, post_to_producer};
use crate::kafka::{RelaySettings, fresh_topic, link_record};
use crate::load::closed_loop::ClosedLoop;
use crate::measurement::{Measurement, Round, Target};

const CONNECTIONS: usize = 32;
const LINKS_PER_REQUEST: usize = 100;

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    let closed_loop = closed_loop(settings, CONNECTIONS, LINKS_PER_REQUEST);
    settings.report(&Measurement {
        benchmark: "batch",
        case: format!("{LINKS_PER_REQUEST} links a request, {CONNECTIONS} connections"),
        unit: "links/s",
        baseline_is: "bare FutureProducer",
        target: Some(Target::Ratio(0.7)),
        rounds: settings.rounds(async |_| round(&broker, closed_loop).await).await?,
    })
}

async fn round(broker: &KafkaBroker, closed_loop: ClosedLoop) -> Result<Round> {
    let bare_topic = fresh_topic(broker).await?;
    let relay = RelaySettings::new(broker, &bare_topic, &[])?;
    let baseline = bare(&relay, closed_loop.warm_up, closed_loop.duration).await?;
    let (ours, load) = post_to_producer(broker, closed_loop).await?;
    let links_per_second = ours.requests_per_second() * LINKS_PER_REQUEST as f64;
    let details = json!({ "requests": ours.latencies });
    Ok(Round { ours: links_per_second, baseline: Some(baseline), load, details })
}

/// Returns records a second, without anything around the producer.
async fn bare(relay: &RelaySettings, warm_up: Duration, duration: Duration) -> Result<f64> {
    let delivery_timeout = Duration::from_secs(10);
    let producer: FutureProducer = relay.kafka.producer(delivery_timeout).create()?;
    // The connection and the producer's id come before the clock starts.
    publish(&producer, &relay.kafka.kafka_topic, 0).await?;
    let numbers = Arc::new(AtomicUsize::new(LINKS_PER_REQUEST));
    let counted_from = Instant::now() + warm_up;
    let ends = counted_from + duration;
    let tasks = (0..CONNECTIONS).map(|_| {
        let (producer, topic) = (producer.clone(), relay.kafka.kafka_topic.clone());
        let numbers = Arc::clone(&numbers);
        tokio::spawn(async move {
            let mut counted = 0;
            while Instant::now() < ends {
                let first = numbers.fetch_add(LINKS_PER_REQUEST, Ordering::Relaxed);
                publish(&producer, &topic, first).await?;
                if (counted_from..ends).contains(&Instant::now()) {
                    counted += LINKS_PER_REQUEST;
                }
            }
            Ok::<usize, anyhow::Error>(counted)
        })
    });
    let counted: Vec<Result<usize>> = try_join_all(tasks).await?;
    let counted: usize = counted.into_iter().sum::<Result<usize>>()?;
    // Joins librdkafka's threads.
    tokio::task::spawn_blocking(move || drop(producer)).await?;
    Ok(counted as f64 / duration.as_secs_f64())
}

async fn publish(producer: &FutureProducer, topic: &str, first: usize) -> Result<()> {
    let mut deliveries = Vec::with_capacity(LINKS_PER_REQUEST);
    for number in first..first + LINKS_PER_REQUEST {
        let link = link_record(number)?;
        let (value, key) = (link.value(), link.target.key().into_owned());
        let headers = link.headers().to_kafka();
        deliveries.push(async move {
            let record = FutureRecord::to(topic).key(&key).payload(&value).headers(headers);
            producer.send(record, Timeout::Never).await
        });
    }
    for delivered in join_all(deliveries).await {
        delivered.map_err(|(error, _)| error)?;
    }
    Ok(())
}
