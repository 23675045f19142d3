//! A comparison with round figures, for the tests of the report.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;

pub(crate) fn comparison() -> Comparison {
    Comparison {
        at: Timestamp::UNIX_EPOCH,
        machine: Machine {
            cpus: 2,
            cpu_model: "A processor".to_owned(),
            memory_mib: 24_000,
            kernel: "6.1".to_owned(),
        },
        is_release: true,
        load: LoadDescription {
            scenario: Scenario::Original,
            plan: Scenario::Original.plan(),
            fixed_link: None,
            latency_seconds: 1.2,
            client_timeout_seconds: 10.0,
            consumers: 2,
        },
        paths: vec![
            path(LinkPath::Kafka, [(201, 500)].into(), 0, 500, [5.0, 11.0, 40.0, 80.0]),
            path(
                LinkPath::Waiting,
                [(201, 480), (503, 15)].into(),
                5,
                484,
                [1_211.0, 1_230.0, 1_300.0, 10_001.0],
            ),
        ],
    }
}

fn path(
    path: LinkPath,
    answers: BTreeMap<u16, usize>,
    timed_out: usize,
    documents: usize,
    [p50_ms, p95_ms, p99_ms, max_ms]: [f64; 4],
) -> PathResult {
    let promised = answers[&201];
    PathResult {
        path,
        requests: 500,
        latest_sent_ms: 1.5,
        answers,
        timed_out,
        errors: BTreeMap::new(),
        documents,
        failed_documents: 0,
        response_times: Some(Percentiles {
            count: promised + timed_out,
            mean_ms: p50_ms,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
        }),
        stored_after_seconds: (0..documents).map(|number| 1.25 + number as f64 * 0.02).collect(),
        agreement: Agreement { promised, unheard_of: documents - promised, ..Agreement::default() },
        machine_load: Load { own_cpus: 0.25, children_cpus: 0.5, ..Load::default() },
    }
}
