//! The report as a page: the table, the chart, and notes.

use std::fmt::Write as _;

use super::{Comparison, ORIGINAL_REQUESTS, Original, PathResult};
use crate::stats::{Percentiles, grouped};

const HEAD: [&str; 11] = [
    "path",
    "requests",
    "answered 201",
    "other answers",
    "time-outs",
    "documents",
    "p50",
    "p95",
    "p99",
    "max",
    "all stored after",
];

/// Returns the complete page.
pub(crate) fn page(comparison: &Comparison) -> String {
    let Comparison { at, machine, load, .. } = comparison;
    let links = match &load.fixed_link {
        Some(link) => format!("One link for all: {link}."),
        None => "Every link is to a video of its own.".to_owned(),
    };
    let debug = if comparison.is_release { "" } else { " A debug build." };
    let chart = "![Response times, and documents stored over time](report.svg)";
    format!(
        "# The two paths side by side\n\
         {}. {links} A link takes YouTube {} s; a client times out after {} s; {} consumers.{debug}\n\n\
         {}\n\n{chart}\n\n{}\n{}, {} processors, {} MiB, Linux {}, {}.\n",
        load.plan,
        load.latency_seconds,
        load.client_timeout_seconds,
        load.consumers,
        table(comparison),
        notes(comparison),
        machine.cpu_model,
        machine.cpus,
        machine.memory_mib,
        machine.kernel,
        at.strftime("%Y-%m-%d %H:%M UTC"),
    )
}

/// Returns the table alone.
pub(crate) fn table(comparison: &Comparison) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.push(std::array::from_fn(|column| if column == 0 { "---" } else { "---:" }.to_owned()));
    rows.extend(comparison.paths.iter().map(path_row));
    rows.extend(comparison.originals().iter().map(original_row));
    let lines: Vec<String> =
        rows.into_iter().map(|cells| format!("| {} |", cells.join(" | "))).collect();
    lines.join("\n")
}

fn path_row(result: &PathResult) -> [String; HEAD.len()] {
    let percentile = |of: fn(&Percentiles) -> f64| {
        result.response_times.as_ref().map_or_else(none, |times| milliseconds(of(times)))
    };
    let stored_after = |seconds: f64| format!("{seconds:.1} s");
    [
        result.path.to_string(),
        grouped(result.requests),
        grouped(result.answered(201)),
        other_answers(result),
        grouped(result.timed_out),
        grouped(result.documents),
        percentile(|times| times.p50_ms),
        percentile(|times| times.p95_ms),
        percentile(|times| times.p99_ms),
        percentile(|times| times.max_ms),
        result.all_stored_seconds().map_or_else(none, stored_after),
    ]
}

fn original_row(original: &Original) -> [String; HEAD.len()] {
    let about = |seconds: f64| format!("~{seconds:.0} s");
    let response = original.response_ms.map_or_else(none, |ms| format!("~{ms:.0} ms"));
    [
        format!("*{}*", original.title),
        ORIGINAL_REQUESTS.to_string(),
        original.answered.to_string(),
        none(),
        original.timed_out.to_string(),
        original.documents.to_string(),
        response,
        none(),
        none(),
        none(),
        original.all_stored_seconds.map_or_else(none, about),
    ]
}

/// A figure that is not known, or does not exist.
fn none() -> String {
    "–".to_owned()
}

/// Statuses other than 201, and connections that failed.
fn other_answers(result: &PathResult) -> String {
    let statuses = result.answers.iter().filter(|(status, _)| **status != 201);
    let statuses = statuses.map(|(status, count)| format!("{} × {status}", grouped(*count)));
    let errors = result.errors.iter();
    let errors = errors.map(|(error, count)| format!("{} × {error}", grouped(*count)));
    let all: Vec<String> = statuses.chain(errors).collect();
    if all.is_empty() { "0".to_owned() } else { all.join(", ") }
}

fn notes(comparison: &Comparison) -> String {
    let mut text = String::new();
    for PathResult { path, agreement, machine_load, failed_documents, latest_sent_ms, .. } in
        &comparison.paths
    {
        // Writing into a String cannot fail.
        let _written = writeln!(
            text,
            "- **{path}**: answers promised {} documents, {} of them are missing; {} documents are of \
             requests whose client had no answer, {} were left open by their answer, {} links have one \
             that no answer names; {failed_documents} say that there is no metadata. Processors used: \
             this program with the fake YouTube {:.2}, what it started {:.2}, others {:.2}. No request \
             was sent more than {} late.",
            agreement.promised,
            agreement.missing.len(),
            agreement.unheard_of,
            agreement.left_open,
            agreement.unannounced.len(),
            machine_load.own_cpus,
            machine_load.children_cpus,
            machine_load.others_cpus,
            milliseconds(*latest_sent_ms),
        );
    }
    if !comparison.originals().is_empty() {
        text.push_str(
            "- The rows in italics are the measurement that linkrelay is compared with: the same load \
             on other programs and another machine.\n",
        );
    }
    text
}

/// Returns the time in the unit that a reader would use.
pub(super) fn milliseconds(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.2} s", ms / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_unit_that_a_reader_would_use() {
        for (ms, text) in
            [(0.234, "0.2 ms"), (12.6, "13 ms"), (1_214.0, "1.21 s"), (10_001.0, "10.00 s")]
        {
            assert_eq!(milliseconds(ms), text);
        }
    }
}
