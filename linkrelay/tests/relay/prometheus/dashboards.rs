use std::collections::BTreeSet;

use serde_json::Value;

use super::file;

const DASHBOARDS: [&str; 2] = ["overview", "consumer"];

fn panels(dashboard: &str) -> Vec<Value> {
    let dashboard: Value =
        serde_json::from_str(&file(&format!("deploy/grafana/{dashboard}.json"))).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    panels.iter().filter(|panel| panel["type"] != "row").cloned().collect()
}

/// Each query of each panel, as Grafana sends it for all instances.
pub(super) fn queries() -> Vec<(String, String)> {
    let panels = DASHBOARDS.into_iter().flat_map(panels);
    let queries = panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| {
            let query = target["expr"].as_str().unwrap();
            let query = query.replace("$instance", ".*").replace("$__rate_interval", "1m");
            assert!(!query.contains('$'), "{title}: {query}");
            (title.clone(), query)
        })
    });
    queries.collect()
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_can_be_imported() {
    let mut uids = BTreeSet::new();
    for name in DASHBOARDS {
        let path = format!("deploy/grafana/{name}.json");
        let dashboard: Value = serde_json::from_str(&file(&path)).unwrap();
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{path}");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let sources = variables.iter().filter(|variable| variable["type"] == "datasource");
        assert_eq!(sources.map(|source| &source["name"]).collect::<Vec<_>>(), ["datasource"]);
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in panels(name) {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
            assert!(titles.insert(title.to_owned()), "{title} twice");
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{title}: {description}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(defaults["unit"].is_string(), "{title}");
            let steps: Vec<f64> = defaults["thresholds"]["steps"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| step["value"].as_f64().unwrap_or(f64::NEG_INFINITY))
                .collect();
            assert!(steps.is_sorted() && !steps.is_empty(), "{title}: {steps:?}");
            // Only the data source that the operator chooses.
            let sources = panel["targets"].as_array().unwrap().iter().chain([&panel]);
            for source in sources {
                assert_eq!(source["datasource"]["uid"], "${datasource}", "{title}");
            }
        }
    }
}
