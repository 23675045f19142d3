//! `linkrelay check`: whether every configured part can be reached. Prints one line for each, with
//! the fix for parts that cannot be reached, or whose settings can lose links.
//!
//! In reading order: [`probe`] is one request with a deadline; [`broker`], [`store`], [`server`]
//! and [`extraction`] ask the parts, all concurrently. Nothing is changed: no topic, file or group
//! is made, and no record is read.

mod broker;
mod extraction;
mod probe;
mod server;
mod store;

use std::io::Write;

use clap::Args;
use futures::future::join_all;
use serde_json::{Value, json};

pub(crate) use self::server::url_here;

use self::probe::{Finding, Probe, Report};
use crate::columns::columns;
use crate::exit::Outcome;
use crate::up::UpSettings;

/// The least widths of the columns: result, part, and detail.
const WIDTHS: [u16; 3] = [6, 0, 0];

/// The settings of what is to be checked.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,

    /// The settings that `up` would run with.
    #[command(flatten)]
    up: UpSettings,
}

pub(crate) async fn run(arguments: CheckArguments) -> anyhow::Result<Outcome> {
    let UpSettings { kafka, group, store, extractor, pipeline, .. } = &arguments.up;
    // Settings that are wrong in any environment are reported as by the roles, before any request.
    kafka.validate(group)?;
    pipeline.validate(kafka, group)?;
    arguments.up.traces.validate()?;
    let mut parts = broker::parts(kafka, group);
    parts.push(store::part(store.clone()));
    let UpSettings { api, extractor_addr, metrics, keys, .. } = &arguments.up;
    parts.push(server::keys(keys, api.http_addr));
    parts.extend(server::parts(api, *extractor_addr, metrics));
    if arguments.up.demo {
        parts.push(Probe::fine("extractor", "the built-in fake YouTube (--demo)"));
    } else {
        parts.extend(extraction::parts(extractor)?);
    }
    let reports = join_all(parts.into_iter().map(Probe::ask)).await;
    let reports: Vec<Report> = reports.into_iter().flatten().collect();
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&reports))?)?;
    } else {
        writeln!(out, "{}", columns(WIDTHS, reports.iter().map(fields)))?;
    }
    Ok(if all_work(&reports) { Outcome::Done } else { Outcome::SomeFailed })
}

fn all_work(reports: &[Report]) -> bool {
    reports.iter().all(Report::works)
}

/// Returns the columns of a report; the text is one line, no matter what a server answered.
fn fields(report: &Report) -> [String; 3] {
    let text = match &report.answer {
        Ok(detail) => detail.clone(),
        Err(Finding { problem, fix, .. }) if fix.is_empty() => problem.clone(),
        Err(Finding { problem, fix, .. }) => format!("{problem}; {fix}"),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    [word(report).to_owned(), report.part.clone(), text]
}

fn word(report: &Report) -> &'static str {
    match (&report.answer, report.works()) {
        (Ok(_), _) => "ok",
        (Err(_), true) => "warn",
        (Err(_), false) => "FAILED",
    }
}

fn as_json(reports: &[Report]) -> Value {
    let part = |report: &Report| match &report.answer {
        Ok(detail) => json!({ "part": report.part, "ok": true, "detail": detail }),
        Err(Finding { problem, fix, is_warning }) => json!({
            "part": report.part, "ok": is_warning, "warn": is_warning, "detail": problem,
            "remedy": fix,
        }),
    };
    let parts: Vec<Value> = reports.iter().map(part).collect();
    json!({ "ok": all_work(reports), "parts": parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_one_line_with_its_fix() {
        let fine = Report { part: "kafka".to_owned(), answer: Ok("1 broker".to_owned()) };
        let failure = Finding::new("no\n answer", "start it");
        let failed = Report { part: "mongodb".to_owned(), answer: Err(failure) };
        let warning = Finding::warning("one copy", "make three");
        let warned = Report { part: "topic".to_owned(), answer: Err(warning) };
        let lines = columns(WIDTHS, [&fine, &failed, &warned].map(fields));
        let expected = [
            "ok      kafka    1 broker",
            "FAILED  mongodb  no answer; start it",
            "warn    topic    one copy; make three",
        ];
        assert_eq!(lines, expected.join("\n"));
        let json = as_json(&[fine.clone(), failed]);
        assert_eq!((&json["ok"], &json["parts"][1]["remedy"]), (&json!(false), &json!("start it")));
        let json = as_json(&[fine, warned]);
        assert_eq!((&json["ok"], &json["parts"][1]["warn"]), (&json!(true), &json!(true)));
    }
}
