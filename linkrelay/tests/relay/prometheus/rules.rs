use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use linkrelay_testkit::tools::prometheus;
use serde_norway::Value;

use super::{file, workspace};
use crate::helpers::run;

const ALERTS: &str = "deploy/prometheus/alerts.yml";

/// The name and the query of each recording rule.
pub(super) fn recorded() -> Vec<(String, String)> {
    let rules = rules_of("deploy/prometheus/recording.yml");
    rules.iter().map(|rule| ("recorded".to_owned(), text(&rule["record"]))).collect()
}

fn rules_of(path: &str) -> Vec<Value> {
    let rules: Value = serde_norway::from_str(&file(path)).unwrap();
    let groups = rules["groups"].as_sequence().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_sequence().unwrap().clone()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_the_files_and_every_alert_fires_when_it_should() {
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["test", "rules", "alerts_test.yml", "recording_test.yml"],
    ] {
        let mut promtool = Command::new(prometheus("promtool").unwrap());
        let said = run(promtool.args(arguments).current_dir(workspace("deploy/prometheus"))).done();
        assert!(said.contains("SUCCESS"), "{said}");
    }
}

#[test]
fn every_alert_says_what_to_do_and_links_to_a_section() {
    let sections = sections();
    for alert in rules_of(ALERTS) {
        let name = text(&alert["alert"]);
        let severity = text(&alert["labels"]["severity"]);
        assert!(["critical", "warning"].contains(&severity.as_str()), "{name}: {severity}");
        let [summary, description, runbook] =
            ["summary", "description", "runbook_url"].map(|key| text(&alert["annotations"][key]));
        assert!(description.ends_with('.') && summary.len() < 120, "{name}: {summary}");
        let anchor = runbook.strip_prefix("docs/OPERATIONS.md#");
        let anchor = anchor.unwrap_or_else(|| panic!("{name}: {runbook}"));
        assert!(sections.contains(anchor), "{name}: no section {anchor}");
    }
}

/// The anchors of the sections of docs/OPERATIONS.md, as GitHub makes them.
fn sections() -> BTreeSet<String> {
    let operations = file("docs/OPERATIONS.md");
    let titles = operations.lines().filter_map(|line| line.strip_prefix("## "));
    let anchor = |title: &str| {
        let kept = title.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
    };
    titles.map(anchor).collect()
}

/// A case in which it does not fire has the same metrics as the one in which it does: without
/// them, no rule would fire.
#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let tests: Value = serde_norway::from_str(&file("deploy/prometheus/alerts_test.yml")).unwrap();
    let mut cases = BTreeMap::new();
    for case in tests["tests"].as_sequence().unwrap() {
        let [asked] = &case["promql_expr_test"].as_sequence().unwrap()[..] else {
            panic!("one query: {case:?}");
        };
        let series = case["input_series"].as_sequence().unwrap().iter();
        let metrics: BTreeSet<String> = series
            .map(|series| text(&series["series"]).split('{').next().unwrap().to_owned())
            .collect();
        let samples = asked["exp_samples"].as_sequence().unwrap().len();
        let known = cases.insert(text(&case["name"]), (text(&asked["expr"]), metrics, samples));
        assert!(known.is_none(), "twice: {case:?}");
    }
    for alert in rules_of(ALERTS) {
        let name = text(&alert["alert"]);
        let mut case = |end: &str| {
            let case = cases.remove(&format!("{name} {end}"));
            case.unwrap_or_else(|| panic!("no case: {name} {end}"))
        };
        let (fires, does_not) = (case("fires"), case("does not fire"));
        let query = format!(r#"ALERTS{{alertname="{name}", alertstate="firing"}}"#);
        assert_eq!((&fires.0, &does_not.0), (&query, &query));
        assert_eq!(fires.1, does_not.1, "{name}: other metrics");
        assert_eq!((fires.2, does_not.2), (1, 0), "{name}");
    }
    assert!(cases.is_empty(), "of no alert: {:?}", cases.keys());
}
