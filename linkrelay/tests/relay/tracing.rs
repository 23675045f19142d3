use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::wait::ok_if;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::collector::{Collector, Ids, SentSpan};
use crate::helpers::{link, links, nowhere, until, until_is, video_id};
use crate::role::{Role, stop};
use crate::site::Site;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
const DOCUMENT_ID: &str = "linkrelay.document_id";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Posts links as a client that has a trace.
async fn post_traced(producer: &Role, route: &str, links: &[String]) -> Value {
    let request = reqwest::Client::new()
        .post(format!("{}/links/{route}", producer.url()))
        .header("traceparent", format!("00-{TRACE}-{CLIENT_SPAN}-01"))
        .json(&json!({ "links": links }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

fn parents<'a>(spans: &'a [SentSpan], name: &str) -> Vec<&'a str> {
    let named = spans.iter().filter(|span| span.name == name);
    named.map(|span| span.parent.as_str()).collect()
}

/// The only span of this name.
fn only<'a>(spans: &'a [SentSpan], name: &str) -> &'a SentSpan {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} of {spans:#?}");
    found[0]
}

/// The spans of this name that have this document.
fn of_document<'a>(spans: &'a [SentSpan], name: &str, document_id: &str) -> &'a SentSpan {
    let found: Vec<_> = spans
        .iter()
        .filter(|span| span.name == name && span.attributes[DOCUMENT_ID] == document_id)
        .collect();
    assert_eq!(found.len(), 1, "{name} of {document_id} in {spans:#?}");
    found[0]
}

/// The attempts of a link, each of which has asked one strategy.
fn attempts<'a>(spans: &'a [SentSpan], process: &SentSpan) -> Vec<&'a SentSpan> {
    let attempts: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "attempt" && span.parent == process.ids.1)
        .collect();
    for attempt in &attempts {
        let asked = parents(spans, "strategy watch_page");
        assert_eq!(asked.iter().filter(|parent| **parent == attempt.ids.1).count(), 1);
    }
    attempts
}

/// The spans of documents that link to these, all of which must be written.
async fn batches_of(collector: &Collector, processed: &[Ids]) -> Vec<SentSpan> {
    until("the batches of these spans", async || {
        let batches = collector.find(|span| {
            span.name == "write documents" && span.links.iter().any(|ids| processed.contains(ids))
        });
        let mut linked: Vec<Ids> = batches.iter().flat_map(|batch| batch.links.clone()).collect();
        let mut expected = processed.to_vec();
        linked.sort();
        expected.sort();
        ok_if(linked == expected, format!("{linked:?}")).map(|()| batches)
    })
    .await
}

/// Three links, of which the consumer that is killed asks for all; then the last one is given up.
async fn post_kill_and_give_up(site: &Site, producer: &Role, consumer: &[(&str, &str)]) -> String {
    site.fake.set_latency(Duration::from_secs(600));
    let mut victim = site.ready_consumer(consumer).await;
    let id = post_traced(producer, "send-message-kafka", &links(0..3)).await["id"].clone();
    until_is("requests in flight", 3, async || site.fake.hits().in_flight).await;
    victim.kill().unwrap();
    site.fake.set_latency(Duration::ZERO);
    site.fake.set_failure(&video_id(2), Some(Failure::ServerError));
    id.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_one_trace_through_a_kill_and_a_replay_links_to_it() {
    let (collector, site) = (Collector::start().await, Site::new().await);
    let traced = [(ENDPOINT, collector.url()), ("EXTRACTORS", "watch_page"), ("MAX_ATTEMPTS", "2")];
    let quiet = [&traced[..], &[("RUST_LOG", "error"), ("OTEL_SERVICE_NAME", "api")]].concat();
    let producer = site.ready_producer(&quiet).await;
    let id = post_kill_and_give_up(&site, &producer, &traced).await;
    let in_json = [&traced[..], &[("LOG_FORMAT", "json")]].concat();
    let heir = site.ready_consumer(&in_json).await;
    let status = producer.until_nothing_is_pending(&id).await;
    assert_eq!((&status["stored"], &status["failed"]), (&2.into(), &1.into()), "{status}");

    // 1 request, 3 records, 3 links, 4 attempts with a strategy each, 1 dead letter.
    let spans = collector.until_sent(16, |span| span.ids.0 == TRACE).await;
    let server = only(&spans, "POST /links/send-message-kafka");
    assert_eq!((server.parent.as_str(), server.service.as_str()), (CLIENT_SPAN, "api"));
    assert_eq!(server.attributes["http.response.status_code"], "201");
    let (send, process) = (format!("send {}", site.topic), format!("process {}", site.topic));
    assert_eq!(parents(&spans, &send), [server.ids.1.as_str(); 3]);
    let mut processed = Vec::new();
    for index in 0..3 {
        let document_id = format!("{id}:{index}");
        let sent = of_document(&spans, &send, &document_id);
        let one = of_document(&spans, &process, &document_id);
        assert_eq!((&one.parent, &one.links), (&sent.ids.1, &vec![sent.ids.clone()]));
        assert_eq!((one.service.as_str(), one.has_failed), ("linkrelay-consumer", index == 2));
        assert_eq!(one.attributes["messaging.consumer.group.name"], site.group());
        let attempts = attempts(&spans, one);
        assert_eq!(attempts.len(), if index == 2 { 2 } else { 1 });
        assert!(attempts.iter().all(|attempt| attempt.has_failed == (index == 2)), "{attempts:?}");
        processed.push(one.ids.clone());
    }
    assert_eq!(parents(&spans, &format!("send {}", site.dlq)), [processed[2].1.as_str()]);
    for batch in batches_of(&collector, &processed).await {
        assert_eq!(batch.parent, "", "a batch is a trace of its own: {batch:?}");
    }
    check_log(&heir, &processed[2]);

    site.fake.set_failure(&video_id(2), None);
    let document_id = format!("{id}:2");
    let given_up = of_document(&spans, &send, &document_id);
    replay(&site, &collector, &document_id, &given_up.ids).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 3);
    stop([heir, producer]).await;
}

/// The line about the link that is given up has the ids of its span.
fn check_log(consumer: &Role, (trace_id, span_id): &Ids) {
    let log = consumer.process().unwrap().stderr().unwrap();
    let given_up = log.lines().find(|line| line.contains("no attempt left")).unwrap();
    let line: Value = serde_json::from_str(given_up).unwrap();
    assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(trace_id), &json!(span_id)));
    let started = log.lines().find(|line| line.contains("traces are sent to")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(started).unwrap()["trace_id"], Value::Null);
}

/// Replays the link that was given up: a trace of its own, which links to that of the first time.
async fn replay(site: &Site, collector: &Collector, document_id: &str, old: &Ids) {
    let traced = [(ENDPOINT, collector.url()), ("RUST_LOG", "error")];
    let said = site.linkrelay(&["dlq", "replay", "--all"], &traced);
    assert_eq!(said.stdout, "replayed 1, skipped 0\n", "{}", said.stderr);
    // The command has ended, and before that sent its span.
    let [again] = <[_; 1]>::try_from(collector.find(|span| span.service == "linkrelay")).unwrap();
    assert_eq!((&again.name, &again.links), (&format!("send {}", site.topic), &vec![old.clone()]));
    assert_eq!(again.parent, "");
    assert_ne!(again.ids.0, TRACE);
    assert_eq!(again.attributes[DOCUMENT_ID], document_id);
    let spans = collector.until_sent(4, |span| span.ids.0 == again.ids.0).await;
    let processed = only(&spans, &format!("process {}", site.topic));
    assert_eq!((&processed.parent, &processed.links), (&again.ids.1, &vec![again.ids.clone()]));
    assert_eq!((attempts(&spans, processed).len(), processed.has_failed), (1, false));
    batches_of(collector, std::slice::from_ref(&processed.ids)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_begins_a_trace_with_a_link_to_the_span_that_failed() {
    let (collector, site) = (Collector::start().await, Site::new().await);
    let traced = [(ENDPOINT, collector.url()), ("EXTRACTORS", "watch_page"), ("MAX_ATTEMPTS", "1")];
    let (producer, consumer) = site.roles(&traced, &traced).await;
    site.fake.set_failure(&video_id(0), Some(Failure::ServerError));
    let id = post_traced(&producer, "send-message-kafka", &links(0..1)).await["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(producer.until_nothing_is_pending(id).await["failed"], 1);
    let process = format!("process {}", site.topic);
    let failed = collector.until_sent(1, |span| span.name == process).await.remove(0);
    site.fake.set_failure(&video_id(0), None);
    let answer = producer.post_json(&format!("/links/{id}/retry"), &json!({})).await.unwrap();
    assert_eq!(answer.0, 202, "{answer:?}");
    producer.until_stored(id, 1).await;

    let again = collector.until_sent(2, |span| span.name == process).await.remove(1);
    assert_ne!(again.ids.0, TRACE);
    let spans = collector.until_sent(5, |span| span.ids.0 == again.ids.0).await;
    let (server, sent) =
        (only(&spans, "POST /links/{id}/retry"), only(&spans, &format!("send {}", site.topic)));
    assert_eq!((server.parent.as_str(), &sent.parent), ("", &server.ids.1));
    assert_eq!(sent.links, [failed.ids]);
    assert_eq!((&again.parent, &again.links), (&sent.ids.1, &vec![sent.ids.clone()]));
    let documents = site.documents().await;
    assert!(!documents[0].contains_key("trace_parent"), "only a failed document has it");
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_path_is_one_trace_of_both_roles() {
    let (collector, site) = (Collector::start().await, Site::new().await);
    let traced = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*format!("{}/v1/traces", collector.url())),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20secret"),
        ("EXTRACTORS", "watch_page"),
    ];
    let (producer, consumer) = site.roles_of_both_paths(&traced, &traced).await;
    let answer = post_traced(&producer, "send-message-http", &[link(0)]).await;
    assert_eq!(answer["stored"], 1, "{answer}");
    let spans = collector.until_sent(6, |span| span.ids.0 == TRACE).await;
    let names =
        ["POST /links/send-message-http", "POST", "POST /links", "attempt", "strategy watch_page"];
    let mut parent = CLIENT_SPAN;
    for name in names {
        let span = only(&spans, name);
        assert_eq!(span.parent, parent, "{name}");
        parent = &span.ids.1;
    }
    let served = only(&spans, "POST /links");
    assert_eq!(parents(&spans, "write documents"), [served.ids.1.as_str()]);
    assert!(collector.headers().iter().all(|headers| headers["api-key"] == "a secret"));
    stop([producer, consumer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_sample_is_not_traced_and_its_context_travels_on() {
    let (collector, site) = (Collector::start().await, Site::new().await);
    let (producer, consumer) =
        site.roles(&[(ENDPOINT, collector.url())], &[(ENDPOINT, collector.url())]).await;
    let unsampled = format!("00-{TRACE}-{CLIENT_SPAN}-00");
    let request = reqwest::Client::new()
        .post(format!("{}/links/send-message-kafka", producer.url()))
        .header("traceparent", &unsampled)
        .json(&json!({ "links": link(0) }));
    assert_eq!(request.send().await.unwrap().status(), 201);
    site.until_lag_is_zero().await;
    // One that is traced, so that all spans before it were sent.
    let id = producer.post_valid(&json!(link(1))).await;
    producer.until_nothing_is_pending(&id).await;
    stop([producer, consumer]).await;
    assert!(collector.of_trace(TRACE).is_empty());
    assert_eq!(collector.find(|span| span.name == format!("process {}", site.topic)).len(), 1);
    assert_eq!(trace_parents(&site).await[0], unsampled);
}

/// The traceparent of each record, in the order of their submission.
async fn trace_parents(site: &Site) -> Vec<String> {
    let mut records = site.broker.topic_records(&site.topic).await.unwrap();
    records.sort_by_key(|record| record.timestamp);
    let of = |record: &linkrelay_testkit::kafka::TopicRecord| {
        let header = record.headers.iter().find(|(name, _)| name == "traceparent").unwrap();
        String::from_utf8(header.1.clone().unwrap()).unwrap()
    };
    records.iter().map(of).collect()
}

/// The exporter's thread, by the name that the kernel has of it.
fn has_exporter(role: &Role) -> bool {
    let pid = role.process().unwrap().pid();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let names = threads.map(|thread| {
        std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default()
    });
    names.into_iter().any(|name| name.starts_with("OpenTelemetry"))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_endpoint_nothing_is_made_and_the_client_s_context_travels_on() {
    let site = Site::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let off = [("OTEL_SERVICE_NAME", "x"), ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"), (ENDPOINT, "")];
    let disabled = [(ENDPOINT, address.as_str()), ("OTEL_SDK_DISABLED", "true")];
    let on = [(ENDPOINT, address.as_str())];
    let (producer, consumer) = site.roles(&off, &disabled).await;
    post_traced(&producer, "send-message-kafka", &links(0..2)).await;
    site.until_lag_is_zero().await;
    assert!(!has_exporter(&producer) && !has_exporter(&consumer));
    stop([producer, consumer]).await;
    let carried = format!("00-{TRACE}-{CLIENT_SPAN}-01");
    assert_eq!(trace_parents(&site).await, [carried.clone(), carried]);
    assert!(futures::FutureExt::now_or_never(listener.accept()).is_none(), "a connection was made");
    // It would have been seen.
    let producer = site.ready_producer(&on).await;
    assert!(has_exporter(&producer));
    producer.post_valid(&json!(link(3))).await;
    listener.accept().await.unwrap();
    drop(listener);
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_or_silent_costs_nothing_but_its_spans() {
    let site = Site::new().await;
    // Connections are taken by the kernel, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = (format!("http://{}", silent.local_addr().unwrap()), silent);
    let down = format!("http://{}", nowhere());
    let (producer, consumer) =
        site.roles(&[(ENDPOINT, down.as_str())], &[(ENDPOINT, silent.0.as_str())]).await;
    for numbers in [0..20, 20..40, 40..60] {
        let id = producer.post_valid(&json!(links(numbers))).await;
        assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 20);
        let lost = "linkrelay_spans_total{outcome=\"lost\"}";
        // The first request for spans has failed, so that the next ones are not the first.
        until("spans to be lost", async || {
            let metrics = producer.metrics().await;
            let line = metrics.lines().find(|line| line.starts_with(lost));
            ok_if(line.is_some_and(|line| !line.ends_with(" 0")), metrics)
        })
        .await;
    }
    let log = producer.process().unwrap().stderr().unwrap();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("traces are lost")).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains(&down) && said[0].contains(ENDPOINT), "{}", said[0]);
    stop([producer, consumer]).await;
}
