//! Every metric of linkrelay: its name, its labels and its help.
//!
//! Names follow Prometheus (base units, `_total` for counters, one quantity for each name); labels
//! are few and bounded: a topic, a partition, an outcome, a class, a strategy, a client, never a
//! link or an id. docs/METRICS.md has the table that operators read.

/// The counters that begin at 0.
mod at_zero;

use std::sync::OnceLock;
use std::time::Duration;

pub use at_zero::ProcessRoles;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;

use crate::version::{COMMIT, VERSION};

/// HTTP requests answered, by `route` and `status`.
pub const HTTP_REQUESTS: &str = "linkrelay_http_requests_total";
/// Requests and connections refused because of who sent them, by `limit`: requests, links,
/// connections, in_flight, bodies, waiting, streams, exports (what one client has), host.
pub const HTTP_REFUSED: &str = "linkrelay_http_refused_total";
/// Requests to routes that need an API key, by `client` and `outcome`.
///
/// The client is a key's name, for the first hundred that a process serves, or other, or none
/// without a key that is known. Outcomes: allowed, no_key, unknown_key, insufficient_scope.
pub const CLIENT_REQUESTS: &str = "linkrelay_client_requests_total";
/// Time from a request's header to its answer, by `route`.
pub const HTTP_REQUEST_DURATION: &str = "linkrelay_http_request_duration_seconds";
/// Links submitted by HTTP, by `outcome`: accepted, rejected, unavailable.
pub const LINKS_SUBMITTED: &str = "linkrelay_links_submitted_total";
/// Records taken from Kafka, by `topic`.
pub const RECORDS: &str = "linkrelay_records_total";
/// Records that were deleted before they were read, at most, by `topic`.
pub const RECORDS_MISSED: &str = "linkrelay_records_missed_total";
/// Links that are complete, by `outcome` (stored, failed, expanded) and `class` of the error (or
/// none).
pub const LINKS: &str = "linkrelay_links_total";
/// Links that were delivered again and had their documents already.
pub const LINKS_SKIPPED: &str = "linkrelay_links_skipped_total";
/// Attempts that failed and were or will be repeated, by `class` and `code`.
pub const RETRIES: &str = "linkrelay_retries_total";
/// Dead letters that the broker has, by `class`.
pub const DEAD_LETTERS: &str = "linkrelay_dead_letters_total";
/// Results that the broker has. A link that is delivered again counts again.
pub const RESULTS: &str = "linkrelay_results_published_total";
/// Attempts to publish a result that failed and were or will be repeated.
pub const RESULTS_FAILED: &str = "linkrelay_results_failed_total";
/// Time that asking for one video took, by `strategy` (none for a failure) and `outcome`.
pub const EXTRACTION_DURATION: &str = "linkrelay_extraction_duration_seconds";
/// Documents in one acknowledged write.
pub const BATCH_DOCUMENTS: &str = "linkrelay_batch_documents";
/// Time from the first attempt of a write to its acknowledgement.
pub const BATCH_WRITE_DURATION: &str = "linkrelay_batch_write_duration_seconds";
/// Time from the submission of a link to the store's acknowledgement of its document, by `outcome`.
pub const SUBMIT_TO_STORED: &str = "linkrelay_submit_to_stored_seconds";
/// Writes that the store did not acknowledge and that are retried.
pub const STORE_ERRORS: &str = "linkrelay_store_errors_total";
/// Links left without a document, because the store refused it, and also the small one that
/// replaces it.
pub const DOCUMENTS_REFUSED: &str = "linkrelay_documents_refused_total";
/// Documents that linkrelay removed, by `reason`: request (DELETE /links/{id}), retention
/// (KEEP_DOCUMENTS_FOR, where the store does not remove them itself).
pub const DOCUMENTS_REMOVED: &str = "linkrelay_documents_removed_total";
/// Accepted requests that `GET /requests` leaves out, because the store failed for too long.
pub const REQUESTS_UNLISTED: &str = "linkrelay_requests_unlisted_total";
/// Titles merged into blocks after they were written (MongoDB).
pub const SEARCH_INDEXED: &str = "linkrelay_search_indexed_titles_total";
/// How long enough titles for a block have waited to be merged; 0 if fewer wait.
pub const SEARCH_LAG: &str = "linkrelay_search_lag_seconds";
/// Written batches whose titles are not merged yet.
pub const SEARCH_WAITING: &str = "linkrelay_search_waiting_batches";
/// Open streams of events (`GET /links/{id}/events`).
pub const EVENT_STREAMS: &str = "linkrelay_event_streams";
/// Open exports (`GET /export`).
pub const EXPORTS: &str = "linkrelay_exports";
/// Links for which YouTube is asked now.
pub const LINKS_IN_FLIGHT: &str = "linkrelay_links_in_flight";
/// Records between the committed offset and the end of the log, by `topic` and `partition`.
pub const PARTITION_LAG: &str = "linkrelay_partition_lag_records";
/// Records taken and not complete, by `topic` and `partition`.
pub const PARTITION_IN_WORK: &str = "linkrelay_partition_in_work_records";
/// Records between the prefix and the newest taken, complete or not, by `topic` and `partition`.
pub const PARTITION_PREFIX_GAP: &str = "linkrelay_partition_prefix_gap_records";
/// 1 while a lane is full and its partition is not read, by `topic` and `partition`.
pub const PARTITION_FULL: &str = "linkrelay_partition_full";
/// How long the partition has had records that are not read although its lane has room; otherwise
/// 0. By `topic` and `partition`.
pub const PARTITION_UNREAD: &str = "linkrelay_partition_unread_seconds";
/// Commits, by `outcome`: committed, failed.
pub const COMMITS: &str = "linkrelay_commits_total";
/// Time since the last commit that the broker acknowledged, or since the start.
pub const COMMIT_AGE: &str = "linkrelay_commit_age_seconds";
/// What the group decided, by `event`: assigned, revoked, lost.
pub const REBALANCES: &str = "linkrelay_rebalances_total";
/// 1 while the process cools down after throttling.
pub const COOLING_DOWN: &str = "linkrelay_cooling_down";
/// 1 while the breaker holds the pipeline.
pub const BREAKER_OPEN: &str = "linkrelay_breaker_open";
/// Answers of the extractor, by `from`: memory (the cache), flight (shared with another request),
/// question (a request to YouTube).
pub const EXTRACTOR_ANSWERS: &str = "linkrelay_extractor_answers_total";
/// Lookups of recent metadata in the store, by `outcome`: reused, none, trouble (the store failed).
pub const REUSE_LOOKUPS: &str = "linkrelay_reuse_lookups_total";
/// Videos of lists whose records the broker has. Those of a list that is delivered again can count
/// more than once.
pub const EXPANDED_VIDEOS: &str = "linkrelay_expanded_videos_total";
/// Cool-downs that throttling began.
pub const COOL_DOWNS: &str = "linkrelay_cool_downs_total";
/// Requests for the canary, by `result`: found, refused, throttled, failed.
pub const CANARY_REQUESTS: &str = "linkrelay_canary_requests_total";
/// The state of a strategy's breaker, by `strategy`: 0 closed, 1 half open (one probe), 2 open.
pub const STRATEGY_BREAKER: &str = "linkrelay_strategy_breaker_state";
/// Requests to YouTube that may be in flight now.
pub const FETCH_LIMIT: &str = "linkrelay_fetch_limit";
/// Requests to YouTube in flight.
pub const FETCHES_IN_FLIGHT: &str = "linkrelay_fetches_in_flight";
/// Time until YouTube may be asked again; 0 if it may.
pub const FETCH_COOL_DOWN: &str = "linkrelay_fetch_cool_down_seconds";
/// Proxies that are set aside while others are used.
pub const PROXIES_RESTING: &str = "linkrelay_proxies_resting";
/// Spans of traces that left the process, by `outcome`: exported, lost (the collector failed).
pub const SPANS: &str = "linkrelay_spans_total";
/// Always 1, with the `version` and `commit` of the program and the `role` of the process.
pub const BUILD_INFO: &str = "linkrelay_build_info";

const COUNTERS: &[(&str, &str)] = &[
    (HTTP_REQUESTS, "HTTP requests answered."),
    (HTTP_REFUSED, "HTTP requests and connections refused because of who sent them."),
    (CLIENT_REQUESTS, "Requests to routes that need an API key."),
    (LINKS_SUBMITTED, "Links submitted by HTTP."),
    (RECORDS, "Records taken from Kafka."),
    (RECORDS_MISSED, "Records that were deleted before they were read, at most."),
    (LINKS, "Links that are complete."),
    (LINKS_SKIPPED, "Links that were delivered again and were done already."),
    (RETRIES, "Attempts that failed and are repeated."),
    (DEAD_LETTERS, "Dead letters that the broker has."),
    (RESULTS, "Documents that were published to the topic of results."),
    (RESULTS_FAILED, "Attempts to publish a result that failed and are repeated."),
    (COMMITS, "Offset commits."),
    (REBALANCES, "What the consumer group decided."),
    (STORE_ERRORS, "Writes that the store did not acknowledge and that are tried again."),
    (DOCUMENTS_REFUSED, "Links left without a document, because the store refuses it."),
    (DOCUMENTS_REMOVED, "Documents removed by request, or because of their age."),
    (REQUESTS_UNLISTED, "Accepted requests that the listing of requests leaves out."),
    (EXTRACTOR_ANSWERS, "Answers of the extractor: from the cache, with others, or by a request."),
    (REUSE_LOOKUPS, "Lookups of recent metadata in the store before YouTube is asked."),
    (EXPANDED_VIDEOS, "Videos of playlists and channels that were put into the topic."),
    (SEARCH_INDEXED, "Titles merged into blocks after they were written."),
    (COOL_DOWNS, "Cool-downs that throttling began."),
    (CANARY_REQUESTS, "Requests for the video that confirms refusals."),
    (SPANS, "Spans of traces that were exported, or lost because the collector failed."),
];
const GAUGES: &[(&str, Unit, &str)] = &[
    (EVENT_STREAMS, Unit::Count, "Open streams of events."),
    (EXPORTS, Unit::Count, "Open exports."),
    (LINKS_IN_FLIGHT, Unit::Count, "Links in flight."),
    (PARTITION_LAG, Unit::Count, "Records between the committed offset and the end of the log."),
    (PARTITION_IN_WORK, Unit::Count, "Records taken and not complete."),
    (PARTITION_PREFIX_GAP, Unit::Count, "Records between the prefix and the newest taken."),
    (PARTITION_FULL, Unit::Count, "1 while its lane is full and no more of the partition is read."),
    (
        PARTITION_UNREAD,
        Unit::Seconds,
        "Time for which records are not read although there is room.",
    ),
    (SEARCH_LAG, Unit::Seconds, "Time for which titles wait although they are enough for a block."),
    (SEARCH_WAITING, Unit::Count, "Written batches whose titles are not merged yet."),
    (COMMIT_AGE, Unit::Seconds, "Time since the last acknowledged commit."),
    (COOLING_DOWN, Unit::Count, "1 while the process cools down after throttling."),
    (BREAKER_OPEN, Unit::Count, "1 while the breaker holds the pipeline."),
    (STRATEGY_BREAKER, Unit::Count, "A strategy's breaker: 0 closed, 1 half open, 2 open."),
    (FETCH_LIMIT, Unit::Count, "Requests to YouTube that may be in flight now."),
    (FETCHES_IN_FLIGHT, Unit::Count, "Requests to YouTube in flight."),
    (FETCH_COOL_DOWN, Unit::Seconds, "Time until YouTube may be asked again."),
    (PROXIES_RESTING, Unit::Count, "Proxies that cool down after throttling, or are unreachable."),
    (BUILD_INFO, Unit::Count, "1, with the version of linkrelay and the role of the process."),
];
const HISTOGRAMS: &[(&str, Unit, &str)] = &[
    (HTTP_REQUEST_DURATION, Unit::Seconds, "Time from a request's header to its answer."),
    (EXTRACTION_DURATION, Unit::Seconds, "Time that asking for one video took."),
    (BATCH_DOCUMENTS, Unit::Count, "Documents in one acknowledged write."),
    (BATCH_WRITE_DURATION, Unit::Seconds, "Time until a write was acknowledged."),
    (SUBMIT_TO_STORED, Unit::Seconds, "Time from a link's submission to its stored document."),
];

/// From a cached answer to the longest time-out.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Up to `BATCH_DOCUMENTS`, and beyond if it is set higher.
const DOCUMENTS: [f64; 9] = [1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];
/// From a link that is extracted immediately (a batch waits for some milliseconds) over retries with
/// backoff and cool-downs of five minutes to the backlog of a day.
const SECONDS_TO_STORED: [f64; 15] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0,
    86_400.0,
];
/// A gauge that is no longer set is dropped: the partition belongs to another consumer.
const GAUGE_IDLE: Duration = Duration::from_secs(60);

/// The macros that count use one recorder for the whole process, so there is one page of metrics.
static PAGE: OnceLock<Page> = OnceLock::new();

/// What is rendered, and what is measured just before.
struct Page {
    handle: PrometheusHandle,
    roles: ProcessRoles,
    /// Memory, processor time and open files of this process.
    process: metrics_process::Collector,
}

/// Begins to count, for the whole process. Must be called once, before anything counts.
///
/// # Errors
/// [`BuildError`] if a recorder is installed already.
pub fn start(roles: ProcessRoles) -> Result<(), BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(BATCH_DOCUMENTS.to_owned()), &DOCUMENTS)?
        .set_buckets_for_metric(Matcher::Full(SUBMIT_TO_STORED.to_owned()), &SECONDS_TO_STORED)?
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_IDLE))
        .install_recorder()?;
    describe();
    at_zero::register(roles);
    let process = metrics_process::Collector::default();
    process.describe();
    PAGE.get_or_init(|| Page { handle, roles, process });
    Ok(())
}

/// Returns what was counted, in the text format of Prometheus; `None` before [`start`].
pub fn render() -> Option<String> {
    let page = PAGE.get()?;
    // Gauges that are not set for a minute are dropped.
    page.process.collect();
    let labels = [
        ("version", VERSION),
        ("commit", COMMIT.unwrap_or("unknown")),
        ("role", page.roles.as_str()),
    ];
    gauge!(BUILD_INFO, &labels).set(1.0);
    page.handle.run_upkeep();
    Some(page.handle.render())
}

fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(*name, Unit::Count, *help);
    }
    for (name, unit, help) in GAUGES {
        describe_gauge!(*name, *unit, *help);
    }
    for (name, unit, help) in HISTOGRAMS {
        describe_histogram!(*name, *unit, *help);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_is_described_once_and_named_as_prometheus_asks() {
        let counters = COUNTERS.iter().map(|(name, help)| (*name, *help, true));
        let gauges = GAUGES.iter().map(|(name, _, help)| (*name, *help, false));
        let histograms = HISTOGRAMS.iter().map(|(name, _, help)| (*name, *help, false));
        let mut names = BTreeSet::new();
        for (name, help, is_counter) in counters.chain(gauges).chain(histograms) {
            assert!(names.insert(name), "{name} twice");
            assert!(name.starts_with("linkrelay_") && help.ends_with('.'), "{name}: {help}");
            assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        }
    }

    #[test]
    fn what_is_counted_is_rendered_with_its_help() {
        start(ProcessRoles::Consumer).unwrap();
        metrics::counter!(LINKS, "outcome" => "stored", "class" => "none").increment(2);
        metrics::histogram!(BATCH_DOCUMENTS).record(7.0);
        let text = render().unwrap();
        assert!(text.contains("# HELP linkrelay_links_total Links that are complete."), "{text}");
        assert!(
            text.contains(r#"linkrelay_links_total{outcome="stored",class="none"} 2"#),
            "{text}"
        );
        assert!(text.contains(r#"linkrelay_batch_documents_bucket{le="10"} 1"#), "{text}");
        // From the first scrape on, so that the first failure is an increase.
        assert!(text.contains("linkrelay_store_errors_total 0\n"), "{text}");
        assert!(!text.contains(REQUESTS_UNLISTED), "the producer counts them: {text}");
        let commit = COMMIT.unwrap_or("unknown");
        let build = format!(
            "{BUILD_INFO}{{version=\"{VERSION}\",commit=\"{commit}\",role=\"consumer\"}} 1\n"
        );
        assert!(text.contains(&build), "{text}");
        assert!(text.contains("\nprocess_open_fds "), "{text}");
    }

    /// The rows `| name | type | labels | meaning | unit |` of docs/METRICS.md.
    fn documented() -> BTreeSet<(String, String, String)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/METRICS.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| `linkrelay_"));
        rows.map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [name, kind, _labels, meaning, unit] = cells[..] else { panic!("{row}") };
            assert!(meaning.ends_with('.'), "{row}");
            (name.trim_matches('`').to_owned(), kind.to_owned(), unit.to_owned())
        })
        .collect()
    }

    #[test]
    fn the_table_for_operators_has_every_metric_with_its_type_and_unit() {
        let unit = |name: &str, unit: &Unit| match unit {
            Unit::Seconds => "seconds",
            _ if name == BATCH_DOCUMENTS => "documents",
            _ => "",
        };
        let counters = COUNTERS.iter().map(|(name, _)| (*name, "counter", ""));
        let gauges = GAUGES.iter().map(|(name, of, _)| (*name, "gauge", unit(name, of)));
        let histograms =
            HISTOGRAMS.iter().map(|(name, of, _)| (*name, "histogram", unit(name, of)));
        let known = counters.chain(gauges).chain(histograms);
        let known =
            known.map(|(name, kind, unit)| (name.to_owned(), kind.to_owned(), unit.to_owned()));
        let known: BTreeSet<_> = known.collect();
        let documented = documented();
        let only_here: Vec<_> = known.difference(&documented).collect();
        let only_there: Vec<_> = documented.difference(&known).collect();
        assert!(
            only_here.is_empty() && only_there.is_empty(),
            "not in docs/METRICS.md: {only_here:?}; only there: {only_there:?}"
        );
    }
}
