//! Every kind of span that linkrelay records, from the request to the batch of the store.
//!
//! Names are those of OpenTelemetry's semantic conventions 1.42.0, the version of the crate
//! opentelemetry-semantic-conventions: docs/http/http-spans.md, docs/messaging/kafka.md and
//! docs/database/database-spans.md of open-telemetry/semantic-conventions. Those of messaging are
//! still in development: what changes with a later version changes in this file alone.
//! What has no name there begins with `linkrelay.`.

use std::borrow::Cow;

use linkrelay_common::{DocumentId, Offset, Partition};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt};
use opentelemetry_semantic_conventions::attribute as names;
use url::Url;

use crate::context::TraceContext;
use crate::span::Span;
use crate::tracer::{Beginning, Parent, begin};

const DOCUMENT_ID: &str = "linkrelay.document_id";
const ATTEMPT: &str = "linkrelay.attempt";
const STRATEGY: &str = "linkrelay.strategy";
/// How many documents of a batch are traced and have no link to their spans.
const LINKS_LEFT_OUT: &str = "linkrelay.links_left_out";

/// The most links of one span: what collectors take by default, and the SDK keeps.
pub const MAX_LINKS: usize = 128;

/// The operations of messaging: how a span is named, and its kind for tools.
const SEND: &str = "send";
const PROCESS: &str = "process";

/// Begins the span of a request to one of linkrelay's servers. `parent` is what the client sent,
/// `route` the pattern that matched.
pub fn server(parent: Option<TraceContext>, method: &str, route: Option<&str>, path: &str) -> Span {
    let beginning =
        Beginning { kind: SpanKind::Server, parent: Parent::remote(parent), links: &[] };
    begin(beginning, || {
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let mut attributes = vec![
            KeyValue::new(names::HTTP_REQUEST_METHOD, method.to_owned()),
            KeyValue::new(names::URL_PATH, path.to_owned()),
            KeyValue::new(names::URL_SCHEME, "http"),
        ];
        attributes.extend(route.map(|route| KeyValue::new(names::HTTP_ROUTE, route.to_owned())));
        (name.into(), attributes)
    })
}

/// Begins the span of a request to another server of linkrelay's, whose traceparent is the span's.
pub fn client(parent: &Span, method: &'static str, url: &Url) -> Span {
    let beginning = Beginning { kind: SpanKind::Client, parent: Parent::Span(parent), links: &[] };
    begin(beginning, || {
        let mut attributes = vec![
            KeyValue::new(names::HTTP_REQUEST_METHOD, method),
            KeyValue::new(names::URL_FULL, url.to_string()),
        ];
        let host = url.host_str().map(|host| KeyValue::new(names::SERVER_ADDRESS, host.to_owned()));
        let port = url.port_or_known_default();
        attributes.extend(host);
        attributes.extend(port.map(|port| KeyValue::new(names::SERVER_PORT, i64::from(port))));
        (method.into(), attributes)
    })
}

/// Begins the span of one record that is sent, with a link to the span in which its link failed
/// before, if this is a retry. Its context is what the record carries on, for the consumer's span.
pub fn send(
    parent: Option<TraceContext>,
    failed_in: Option<TraceContext>,
    topic: &str,
    document_id: impl FnOnce() -> DocumentId,
) -> Span {
    let failed_in = failed_in.map(|failed| failed.to_span_context(true));
    let links = failed_in.as_slice();
    let beginning = Beginning { kind: SpanKind::Producer, parent: Parent::local(parent), links };
    begin(beginning, || sending(topic, &document_id()))
}

/// Begins the span of a dead letter or a result that is sent, as a part of the current span. A dead
/// letter carries on what its record did.
pub fn send_within(topic: &str, document_id: &DocumentId) -> Span {
    let current = Span::current();
    if !current.is_recorded() {
        return current;
    }
    let parent = Parent::Span(&current);
    let beginning = Beginning { kind: SpanKind::Producer, parent, links: &[] };
    begin(beginning, || sending(topic, document_id))
}

/// Begins the span of a record that is sent again: a new trace, with a link to the span that the
/// record carried.
pub fn send_again(
    old: Option<TraceContext>,
    topic: &str,
    document_id: Option<&DocumentId>,
) -> Span {
    let old = old.map(|old| old.to_span_context(true));
    let links = old.as_slice();
    let beginning = Beginning { kind: SpanKind::Producer, parent: Parent::None, links };
    begin(beginning, || sending(topic, document_id))
}

fn sending<'a>(
    topic: &str,
    document_id: impl Into<Option<&'a DocumentId>>,
) -> (Cow<'static, str>, Vec<KeyValue>) {
    let mut attributes = messaging(SEND, topic);
    let document_id = document_id.into();
    attributes.extend(document_id.map(|id| KeyValue::new(DOCUMENT_ID, id.to_string())));
    (format!("{SEND} {topic}").into(), attributes)
}

/// Where a link that is processed came from.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The topic of its record.
    pub topic: &'a str,
    /// The partition of its record.
    pub partition: Partition,
    /// The offset of its record.
    pub offset: Offset,
    /// The consumer group.
    pub group: &'a str,
    /// The id of its document.
    pub document_id: &'a DocumentId,
}

/// Begins the span of a link that is processed: a child of the span that its record carries, with
/// a link to it, which is how tools find a consumer's spans.
pub fn process(sent: Option<TraceContext>, received: Received<'_>) -> Span {
    let link = sent.map(|sent| sent.to_span_context(true));
    let (parent, links) = (Parent::remote(sent), link.as_slice());
    let beginning = Beginning { kind: SpanKind::Consumer, parent, links };
    begin(beginning, || {
        let mut attributes = messaging(PROCESS, received.topic);
        attributes.extend([
            KeyValue::new(
                names::MESSAGING_DESTINATION_PARTITION_ID,
                received.partition.0.to_string(),
            ),
            KeyValue::new(names::MESSAGING_KAFKA_OFFSET, received.offset.0),
            KeyValue::new(names::MESSAGING_CONSUMER_GROUP_NAME, received.group.to_owned()),
            KeyValue::new(DOCUMENT_ID, received.document_id.to_string()),
        ]);
        (format!("{PROCESS} {}", received.topic).into(), attributes)
    })
}

fn messaging(operation: &'static str, topic: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new(names::MESSAGING_SYSTEM, "kafka"),
        KeyValue::new(names::MESSAGING_DESTINATION_NAME, topic.to_owned()),
        KeyValue::new(names::MESSAGING_OPERATION_NAME, operation),
        KeyValue::new(names::MESSAGING_OPERATION_TYPE, operation),
    ]
}

/// Begins the span of one attempt to find what a link or a list names; `number` counts from 1,
/// those that cost no attempt included.
pub fn attempt(parent: &Span, number: u32) -> Span {
    internal(parent, || ("attempt".into(), vec![KeyValue::new(ATTEMPT, i64::from(number))]))
}

/// Begins the span of a strategy that is asked, as a part of the current span.
pub fn strategy(name: &'static str) -> Span {
    internal(&Span::current(), || {
        (format!("strategy {name}").into(), vec![KeyValue::new(STRATEGY, name)])
    })
}

/// Begins the span of documents that are written for one request.
pub fn write(parent: &Span, documents_count: usize) -> Span {
    internal(parent, || writing(documents_count))
}

/// Begins the span of a batch of `documents_count` documents, if any of them is traced: a trace of
/// its own, with links to the spans of the first [`MAX_LINKS`] that are.
pub fn write_batch<'a>(
    spans: impl Iterator<Item = &'a Span> + Clone,
    documents_count: usize,
) -> Span {
    let recorded = spans.filter_map(Span::as_recorded);
    let traced_count = recorded.clone().count();
    if traced_count == 0 {
        return Span::default();
    }
    let context = |context: &opentelemetry::Context| context.span().span_context().clone();
    let links: Vec<SpanContext> = recorded.take(MAX_LINKS).map(context).collect();
    let left_out_count = traced_count - links.len();
    let beginning = Beginning { kind: SpanKind::Internal, parent: Parent::None, links: &links };
    begin(beginning, || {
        let (name, mut attributes) = writing(documents_count);
        if left_out_count > 0 {
            attributes.push(KeyValue::new(LINKS_LEFT_OUT, whole(left_out_count)));
        }
        (name, attributes)
    })
}

fn writing(documents_count: usize) -> (Cow<'static, str>, Vec<KeyValue>) {
    let size = KeyValue::new(names::DB_OPERATION_BATCH_SIZE, whole(documents_count));
    ("write documents".into(), vec![size])
}

/// A part of `parent`, if that is recorded.
fn internal(parent: &Span, describe: impl FnOnce() -> (Cow<'static, str>, Vec<KeyValue>)) -> Span {
    if !parent.is_recorded() {
        return parent.clone();
    }
    begin(
        Beginning { kind: SpanKind::Internal, parent: Parent::Span(parent), links: &[] },
        describe,
    )
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Span {
    /// Notes the status of a server's answer; one from 500 on is an error.
    pub fn answered(&self, status: u16) {
        self.set(names::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
        if status >= 500 {
            self.failed(status.to_string(), format_args!("status {status}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::SpanId;

    use super::*;
    use crate::testing::Recorded;

    fn remote(trace: u32, flag: &str) -> Option<TraceContext> {
        format!("00-{trace:032x}-00f067aa0ba902b7-{flag}").parse().ok()
    }

    fn id() -> DocumentId {
        DocumentId::from_stored("r-1:0".to_owned())
    }

    fn processed(sent: Option<TraceContext>) -> Span {
        let (partition, offset) = (Partition(3), Offset(7));
        process(sent, Received { topic: "T", partition, offset, group: "g", document_id: &id() })
    }

    #[test]
    fn a_link_is_one_trace_from_the_request_to_the_strategy() {
        let recorded = Recorded::start();
        let client = remote(0xa1, "01");
        let server = server(client, "POST", Some("/links"), "/links");
        let sent = send(server.context(), None, "T", id);
        let process = processed(sent.context());
        let attempt = attempt(&process, 1);
        let asked = within(&attempt, || strategy("watch_page"));
        let spans = [server, sent, process, attempt, asked];
        let ids = spans.each_ref().map(|span| span.context().unwrap().span_id());
        // In the order in which they are dropped.
        drop(spans);
        let spans = recorded.of_trace(client.unwrap().trace_id());
        let seen: Vec<_> =
            spans.iter().map(|span| (span.name.as_ref(), span.parent_span_id)).collect();
        let expected = [
            ("POST /links", client.unwrap().span_id()),
            ("send T", ids[0]),
            ("process T", ids[1]),
            ("attempt", ids[2]),
            ("strategy watch_page", ids[3]),
        ];
        assert_eq!(seen, expected);
        let process = spans.iter().find(|span| span.name == "process T").unwrap();
        let links: Vec<SpanId> =
            process.links.iter().map(|link| link.span_context.span_id()).collect();
        assert_eq!(links, [ids[1]]);
    }

    fn within<T>(span: &Span, work: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(span.around(async { work() }))
    }

    #[test]
    fn what_is_not_sampled_is_passed_on_and_not_recorded() {
        let recorded = Recorded::start();
        let client = remote(0xb1, "00");
        let server = server(client, "POST", None, "/");
        let sent = send(server.context(), None, "T", id);
        let process = processed(sent.context());
        let attempt = attempt(&process, 1);
        for span in [&server, &sent, &process, &attempt] {
            assert_eq!((span.context(), span.is_recorded()), (client, false));
        }
        assert!(!write_batch([&process].into_iter(), 1).is_recorded());
        drop((server, sent, process, attempt));
        assert!(recorded.of_trace(client.unwrap().trace_id()).is_empty());
    }

    #[test]
    fn a_batch_has_at_most_128_links_and_says_how_many_are_left_out() {
        let recorded = Recorded::start();
        let traced: Vec<Span> = (0..131).map(|_| processed(remote(0xc1, "01"))).collect();
        let other = processed(remote(0xc2, "00"));
        for (traced_count, links_count, left_out) in
            [(1, 1, None), (128, 128, None), (129, 128, Some(1)), (131, 128, Some(3))]
        {
            let spans = std::iter::once(&other).chain(&traced[..traced_count]);
            let batch = write_batch(spans, traced_count + 1);
            let id = batch.context().unwrap().trace_id();
            drop(batch);
            let [span] = <[_; 1]>::try_from(recorded.of_trace(id)).unwrap();
            assert_eq!(span.parent_span_id, SpanId::INVALID, "a trace of its own");
            let linked: Vec<SpanId> =
                span.links.iter().map(|link| link.span_context.span_id()).collect();
            let first = traced.iter().take(links_count);
            let first: Vec<SpanId> = first.map(|span| span.context().unwrap().span_id()).collect();
            assert_eq!((linked, span.links.dropped_count), (first, 0));
            let of = |name: &str| {
                let found = span.attributes.iter().find(|pair| pair.key.as_str() == name);
                found.map(|pair| pair.value.to_string())
            };
            assert_eq!(
                of("linkrelay.links_left_out"),
                left_out.map(|count: i32| count.to_string())
            );
            assert_eq!(of("db.operation.batch.size"), Some((traced_count + 1).to_string()));
        }
    }

    #[test]
    fn a_record_that_is_sent_again_begins_a_trace_with_a_link_to_the_old_one() {
        let recorded = Recorded::start();
        let old = remote(0xd1, "01");
        let again = send_again(old, "T", Some(&id()));
        let new = again.context().unwrap();
        assert_ne!(new.trace_id(), old.unwrap().trace_id());
        again.failed("timeout", "no answer");
        drop(again);
        let [span] = <[_; 1]>::try_from(recorded.of_trace(new.trace_id())).unwrap();
        assert_eq!(span.parent_span_id, SpanId::INVALID);
        let linked: Vec<_> = span.links.iter().map(|link| link.span_context.span_id()).collect();
        assert_eq!(linked, [old.unwrap().span_id()]);
        assert!(span.attributes.contains(&KeyValue::new("error.type", "timeout")));
    }
}
