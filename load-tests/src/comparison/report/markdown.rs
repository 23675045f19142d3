//! The report as a page: the table, the picture, and what else has to be said.

use std::fmt::Write as _;

use super::{Comparison, ORIGINAL_REQUESTS, Original, WayResult};

const HEAD: [&str; 11] = [
    "way",
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

/// The whole page.
pub fn page(comparison: &Comparison) -> String {
    let Comparison { at, machine, generator, load, .. } = comparison;
    let links = match &load.fixed_link {
        Some(link) => format!("One link for all: {link}."),
        None => "Every link is to a video of its own.".to_owned(),
    };
    let debug = if comparison.is_release { "" } else { " A debug build." };
    let picture = "![Response times, and documents stored over time](report.svg)";
    format!(
        "# The two ways side by side\n\
         {}, sent by {}. {links} A link takes YouTube {} s; a client gives up after {} s; {} consumers.{debug}\n\n\
         {}\n\n{picture}\n\n{}\n{}, {} processors, {} MiB, Linux {}, {}.\n",
        comparison.load_in_words(),
        article(generator.title()),
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

/// The table alone.
pub fn table(comparison: &Comparison) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.push(std::array::from_fn(|column| if column == 0 { "---" } else { "---:" }.to_owned()));
    rows.extend(comparison.ways.iter().map(way_row));
    rows.extend(comparison.originals().iter().map(original_row));
    let lines: Vec<String> =
        rows.into_iter().map(|cells| format!("| {} |", cells.join(" | "))).collect();
    lines.join("\n")
}

fn way_row(result: &WayResult) -> [String; HEAD.len()] {
    let percentile = |of: fn(&crate::stats::Percentiles) -> f64| {
        result.response_times.as_ref().map_or_else(nothing, |times| milliseconds(of(times)))
    };
    [
        result.way.to_string(),
        grouped(result.requests),
        grouped(result.answered(201)),
        other_answers(result),
        grouped(result.timed_out),
        grouped(result.documents),
        percentile(|times| times.p50_ms),
        percentile(|times| times.p95_ms),
        percentile(|times| times.p99_ms),
        percentile(|times| times.max_ms),
        result.all_stored_seconds().map_or_else(nothing, |seconds| format!("{seconds:.1} s")),
    ]
}

fn original_row(original: &Original) -> [String; HEAD.len()] {
    let about = |seconds: f64| format!("~{seconds:.0} s");
    let response = original.response_ms.map_or_else(nothing, |ms| format!("~{ms:.0} ms"));
    [
        format!("*{}*", original.title),
        ORIGINAL_REQUESTS.to_string(),
        original.answered.to_string(),
        nothing(),
        original.timed_out.to_string(),
        original.documents.to_string(),
        response,
        nothing(),
        nothing(),
        nothing(),
        original.all_stored_seconds.map_or_else(nothing, about),
    ]
}

/// What is not known, or not there.
fn nothing() -> String {
    "–".to_owned()
}

/// Statuses other than 201, and connections that failed.
fn other_answers(result: &WayResult) -> String {
    let statuses = result.answers.iter().filter(|(status, _)| **status != 201);
    let statuses = statuses.map(|(status, count)| format!("{} × {status}", grouped(*count)));
    let errors =
        result.errors.iter().map(|(error, count)| format!("{} × {error}", grouped(*count)));
    let all: Vec<String> = statuses.chain(errors).collect();
    if all.is_empty() { "0".to_owned() } else { all.join(", ") }
}

fn notes(comparison: &Comparison) -> String {
    let mut text = String::new();
    for WayResult { way, agreement, machine_load, failed_documents, latest_sent_ms, .. } in
        &comparison.ways
    {
        let late = latest_sent_ms.map_or_else(String::new, |ms| {
            format!(" No request was sent more than {} late.", milliseconds(ms))
        });
        // Writing into a String cannot fail.
        let _written = writeln!(
            text,
            "- **{way}**: answers promised {} documents, {} of them are missing; {} documents came of \
             requests whose client had given up, {} were left open by their answer, {} links have one \
             that no answer told of; {failed_documents} say that there is no metadata. Processors used: \
             this program with the fake YouTube {:.2}, what it started {:.2}, others {:.2}.{late}",
            agreement.promised,
            agreement.missing.len(),
            agreement.unheard_of,
            agreement.left_open,
            agreement.unannounced.len(),
            machine_load.own_cpus,
            machine_load.children_cpus,
            machine_load.others_cpus,
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

/// As one says it: with an article if it is no name.
fn article(title: &str) -> String {
    if title.starts_with(char::is_uppercase) { title.to_owned() } else { format!("the {title}") }
}

/// With commas between thousands.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// In the unit that people would use.
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
    fn thousands_are_told_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (13_250, "13,250"), (1_000_000, "1,000,000")]
        {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn times_are_told_in_the_unit_that_people_would_use() {
        for (ms, text) in
            [(0.234, "0.2 ms"), (12.6, "13 ms"), (1_214.0, "1.21 s"), (10_001.0, "10.00 s")]
        {
            assert_eq!(milliseconds(ms), text);
        }
    }
}
