//! Links a second in requests of 100, against a bare `FutureProducer`: the same records, the same
//! settings (acks=all, idempotent, zstd), as many of them under way, awaited a hundred at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::{join_all, try_join_all};
use linkrelay_testkit::kafka::KafkaBroker;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde_json::json;

use crate::BenchSettings;
use crate::doubles::CountingStore;
use crate::http::generator::Generator;
use crate::http::{check_arrived, duration, warm_up};
use crate::kafka::{RelaySettings, fresh_topic, link_record};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::roles::start_producer;

const CONNECTIONS: usize = 32;
const LINKS_PER_REQUEST: usize = 100;

/// Runs it.
///
/// # Errors
/// If a server does not start, or a link is not acknowledged.
pub async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds() {
        rounds.push(round(&broker, settings).await?);
    }
    settings.report(&Measurement {
        benchmark: "batch",
        case: format!("{LINKS_PER_REQUEST} links a request, {CONNECTIONS} connections"),
        unit: "links/s",
        baseline_is: "bare FutureProducer",
        target: Some(Target::Ratio(0.7)),
        rounds,
    })
}

async fn round(broker: &KafkaBroker, settings: &BenchSettings) -> Result<Round> {
    let (warm_up, duration) = (warm_up(settings), duration(settings));
    let bare_topic = fresh_topic(broker).await?;
    let relay = RelaySettings::new(broker, &bare_topic, &[])?;
    let baseline = bare(&relay, warm_up, duration).await?;
    let topic = fresh_topic(broker).await?;
    let store = Arc::new(CountingStore::at_once(u64::MAX));
    let (addr, producer) = start_producer(broker, &topic, store).await?;
    let meter = LoadMeter::start()?;
    let generator = Generator {
        connections: CONNECTIONS,
        links_per_request: LINKS_PER_REQUEST,
        warm_up,
        duration,
    };
    let ours = generator.run(addr).await?;
    let load = meter.load()?;
    producer.stop().await?;
    check_arrived(broker, &topic, &ours).await?;
    let links_per_second = ours.requests_per_second() * LINKS_PER_REQUEST as f64;
    let details = json!({ "requests": ours.latencies });
    Ok(Round { ours: links_per_second, baseline: Some(baseline), load, details })
}

/// Records a second, without anything around the producer.
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
