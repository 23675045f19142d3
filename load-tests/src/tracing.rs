//! What traces cost if one request in a hundred is traced: acknowledged POSTs a second of a producer,
//! and links a second of a consumer that drains a topic, each against the same without traces. The
//! collector is in the same process, and only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use clap::Parser;
use linkrelay_kafka::LinkRecord;
use linkrelay_telemetry::{TraceSettings, Traces};
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::bench::settings::BenchSettings;
use crate::drain::run::drain;
use crate::drain::timer::Timer;
use crate::http::{closed_loop, post_to_producer};
use crate::kafka::{RelaySettings, fresh_topic, link_record, write_records};
use crate::machine::{Load, LoadMeter};
use crate::measurement::{Measurement, Round, Target};

const CONNECTIONS: usize = 64;
const LINKS: usize = 1_000_000;
/// One in a hundred records is of a trace that is sampled.
const SAMPLED: usize = 100;

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let (broker, collector) = (KafkaBroker::start().await?, Collector::start().await?);
    let case = format!("one link a request, {CONNECTIONS} connections, 1 % sampled");
    if settings.includes(&case) {
        let closed_loop = closed_loop(settings, CONNECTIONS, 1);
        let side = async || {
            let (posted, load) = post_to_producer(&broker, closed_loop).await?;
            Ok((posted.requests_per_second(), load))
        };
        settings.report(&Measurement {
            benchmark: "tracing",
            case,
            unit: "acknowledged POSTs/s",
            baseline_is: "the same producer without traces",
            target: Some(Target::Ratio(0.95)),
            rounds: settings.rounds(async |index| collector.round(index, &side).await).await?,
        })?;
    }
    let case = "drain at 0 ms, store at once, 1 % sampled".to_owned();
    if settings.includes(&case) {
        let links_count = settings.scaled(LINKS);
        let topic = fresh_topic(&broker).await?;
        write_records(&broker, &topic, links_count, traced_record).await?;
        let groups_count = AtomicU64::new(0);
        let side = async || {
            let group = format!("tracing-{}", groups_count.fetch_add(1, Ordering::Relaxed));
            let relay = RelaySettings::new(&broker, &topic, &["--kafka-group-id", &group])?;
            let meter = LoadMeter::start()?;
            let drained = drain(&broker, &relay, Timer::None, None, links_count).await?;
            Ok((drained.links_per_second(), meter.load()?))
        };
        settings.report(&Measurement {
            benchmark: "tracing",
            case,
            unit: "links/s",
            baseline_is: "the same consumer without traces",
            target: Some(Target::Ratio(0.95)),
            rounds: settings.rounds(async |index| collector.round(index, &side).await).await?,
        })?;
    }
    Ok(())
}

/// Returns a record of a trace, which is sampled if its number says so.
fn traced_record(number: usize) -> Result<LinkRecord> {
    let flag = u8::from(number.is_multiple_of(SAMPLED));
    let id = number + 1;
    let trace_parent = format!("00-{id:032x}-{id:016x}-{flag:02x}").parse().ok();
    Ok(LinkRecord { trace_parent, ..link_record(number)? })
}

/// A collector that counts requests.
struct Collector {
    url: String,
    requests_count: Arc<AtomicU64>,
    _serving: AbortOnDropHandle<std::io::Result<()>>,
}

/// The settings of traces, as the binaries have them.
#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    traces: TraceSettings,
}

impl Collector {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests_count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&requests_count);
        let take = async move |_: Bytes| {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        let router = Router::new().route("/v1/traces", post(take));
        let serving = async move { axum::serve(listener, router).await };
        let _serving = AbortOnDropHandle::new(tokio::spawn(serving));
        Ok(Self { url, requests_count, _serving })
    }

    /// Starts tracing in this process.
    fn traces(&self) -> Result<Traces> {
        let arguments = ["--otel-exporter-otlp-endpoint", &self.url];
        let sampler = [
            "--otel-traces-sampler",
            "parentbased_traceidratio",
            "--otel-traces-sampler-arg",
            "0.01",
        ];
        let settings = Settings::try_parse_from([&["bench"], &arguments[..], &sampler].concat())?;
        Ok(settings.traces.start("linkrelay-bench")?)
    }

    /// Both sides, in the one order or the other: what comes second finds a warmer broker.
    async fn round(
        &self,
        index: usize,
        side: &impl AsyncFn() -> Result<(f64, Load)>,
    ) -> Result<Round> {
        let with_traces = async || {
            let before = self.requests_count.load(Ordering::Relaxed);
            let traces = self.traces()?;
            let measured = side().await;
            traces.end().await;
            let requests_count = self.requests_count.load(Ordering::Relaxed) - before;
            ensure!(requests_count > 0, "no spans arrived");
            measured.map(|(ours, load)| (ours, load, requests_count))
        };
        let ((ours, load, exports), (baseline, _)) = if index.is_multiple_of(2) {
            let ours = with_traces().await?;
            (ours, side().await?)
        } else {
            let baseline = side().await?;
            (with_traces().await?, baseline)
        };
        let details = json!({ "requests_to_the_collector": exports });
        Ok(Round { ours, baseline: Some(baseline), load, details })
    }
}
