//! What is not recorded allocates nothing: counted over the whole process, so it has one test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::System;

use clap::Parser;
use linkrelay_common::{DocumentId, Offset, Partition};
use linkrelay_telemetry::spans::{self, Received};
use linkrelay_telemetry::{Span, TraceContext, TraceSettings, is_on};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const LINKS: usize = 10_000;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    traces: TraceSettings,
}

/// The spans of one link, from its request to its document.
fn link(client: Option<TraceContext>, document_id: &DocumentId) {
    let server = spans::server(client, "POST", Some("/links"), "/links");
    let sent = spans::send(server.context(), None, "T", || document_id.clone());
    let (partition, offset) = (Partition(1), Offset(7));
    let received = Received { topic: "T", partition, offset, group: "g", document_id };
    let process = spans::process(sent.context(), received);
    let attempt = spans::attempt(&process, 1);
    let strategy = spans::strategy("watch_page");
    strategy.failed("timed_out", "no answer");
    let letter = spans::send_within("T.dlq", document_id);
    let batch = spans::write_batch([&process].into_iter(), 1);
    for span in [&server, &sent, &process, &attempt, &strategy, &letter, &batch] {
        assert!(!span.is_recorded());
    }
}

fn allocations(client: Option<TraceContext>) -> usize {
    let document_id = DocumentId::from_stored("r-1:0".to_owned());
    let region = Region::new(ALLOCATOR);
    (0..LINKS).for_each(|_| link(client, &document_id));
    region.change().allocations
}

#[tokio::test]
async fn what_is_not_recorded_allocates_nothing() {
    let client = |flag: &str| {
        format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flag}").parse().ok()
    };
    assert!(!is_on());
    for client in [None, client("00"), client("01")] {
        assert_eq!(allocations(client), 0, "off, {client:?}");
    }
    let settings = ["test", "--otel-exporter-otlp-endpoint", "http://127.0.0.1:1"];
    let settings = Command::parse_from(settings).traces;
    let traces = settings.start("test").unwrap();
    assert!(is_on());
    // The exporter's thread may do something meanwhile, but not for each link.
    let unsampled = allocations(client("00"));
    assert!(unsampled < LINKS / 100, "unsampled: {unsampled}");
    // What is recorded does allocate: the counter counts.
    let region = Region::new(ALLOCATOR);
    let recorded: Vec<Span> = (0..100).map(|_| spans::server(None, "GET", None, "/")).collect();
    assert!(recorded.iter().all(Span::is_recorded));
    assert!(region.change().allocations >= 100);
    drop(recorded);
    traces.end().await;
    assert!(!is_on());
}
