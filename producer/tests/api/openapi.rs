//! `GET /openapi.json`, whether docs/API.md says the same, and wrong values of all parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::helpers::document::{DOCUMENT, operations};
use crate::helpers::{TestAnswer, TestApp, answer};

const API: &str = include_str!("../../../docs/API.md");
/// What nearly all routes answer: a defect, a missing API key or scope, the wrong name of the
/// server, the limits of a client.
const OF_EVERY_ROUTE: [&str; 5] = ["500", "401", "403", "421", "429"];

#[tokio::test]
async fn the_document_is_served_and_not_sent_twice() {
    let app = TestApp::with_acks().await;
    let sent = app.request("GET", "/openapi.json").send().await.unwrap();
    assert_eq!(sent.headers()["content-type"], "application/json");
    let etag = sent.headers()["etag"].to_str().unwrap().to_owned();
    let document: Value = sent.json().await.unwrap();
    assert_eq!(document, *DOCUMENT);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let weak = format!("\"other\", W/{etag}");
    for (known, status) in [(etag.as_str(), 304), (&weak, 304), ("\"other\"", 200), ("*", 304)] {
        let request = app.request("GET", "/openapi.json").header("if-none-match", known);
        assert_eq!(request.send().await.unwrap().status(), status, "{known}");
    }
    app.stop().await;
}

#[test]
fn every_operation_says_what_it_is_and_what_it_answers() {
    let tags = DOCUMENT["tags"].as_array().unwrap();
    let tags: BTreeSet<_> = tags.iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations() {
        let of = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{of}: a second name");
        assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{of}");
        let of_operation = operation["tags"].as_array().unwrap();
        assert_eq!(of_operation.len(), 1, "{of}");
        assert!(tags.contains(of_operation[0].as_str().unwrap()), "{of}: {of_operation:?}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{of}: {parameter}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let text = response["description"].as_str().unwrap();
            assert!(text.ends_with('.'), "{of}, {status}: {text}");
            let is_problem = response["content"].get("application/problem+json").is_some();
            assert!(!is_problem || text.starts_with('`'), "{of}, {status}: {text}");
        }
    }
}

/// The statuses of each route, but for those that the page says of many at once.
#[test]
fn the_table_of_routes_is_that_of_the_document() {
    let rows = API.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| {
        let (route, answers) = row.split_once("` | ")?;
        let statuses = answers.trim_end_matches(" |").split(", ").map(str::to_owned);
        route.contains(" /").then(|| (route.to_owned(), statuses.collect::<Vec<_>>()))
    });
    let described = operations().map(|(path, method, operation)| {
        let statuses = operation["responses"].as_object().unwrap().keys().cloned();
        let route = format!("{} {path}", method.to_uppercase());
        (route, statuses.filter(|status| !OF_EVERY_ROUTE.contains(&status.as_str())).collect())
    });
    let described: BTreeMap<String, Vec<String>> = described.collect();
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), described);
}

#[test]
fn every_code_and_every_parameter_of_the_document_is_in_the_page() {
    let mut names = BTreeSet::new();
    for (_, _, operation) in operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            names.insert(parameter["name"].as_str().unwrap());
        }
        for response in operation["responses"].as_object().unwrap().values() {
            if response["content"].get("application/problem+json").is_some() {
                let text = response["description"].as_str().unwrap();
                names.extend(text.split('`').skip(1).step_by(2));
            }
        }
    }
    let is_in_page = |name: &str| {
        let forms = [format!("`{name}"), format!("?{name}="), format!("{{{name}}}")];
        forms.iter().any(|form| API.contains(form))
    };
    let left_out: Vec<_> = names.into_iter().filter(|name| !is_in_page(name)).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

/// A value that the schema of a parameter does not allow; `None` if it allows every text.
fn wrong_value(parameter: &Value) -> Option<&'static str> {
    let schema = &parameter["schema"];
    let name = parameter["name"].as_str().unwrap();
    let is_free = schema["type"] == "string"
        && schema.get("enum").is_none()
        && schema.get("pattern").is_none()
        && name != "after";
    (!is_free).then_some("?x y")
}

/// The path of an operation, with an example of each parameter in it.
pub(crate) fn example_path(path: &str, operation: &Value) -> String {
    let mut example = path.to_owned();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "path" {
            let schema = match parameter["schema"].get("$ref") {
                Some(to) => DOCUMENT.pointer(to.as_str().unwrap().trim_start_matches('#')),
                None => Some(&parameter["schema"]),
            };
            let known = schema.unwrap()["examples"].get(0).or_else(|| parameter.get("example"));
            let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
            example = example.replace(&name, known.unwrap().as_str().unwrap());
        }
    }
    example
}

/// Whatever the route: a wrong value, a parameter that is given twice and one that is not known are
/// problems that name it.
#[tokio::test]
async fn every_wrong_parameter_of_every_route_is_named() {
    let app = TestApp::with_acks().await;
    let mut checked_count = 0;
    for (path, method, operation) in operations() {
        // Probes and pages take any query.
        let pages = ["/health/", "/metrics", "/docs", "/openapi", "/page/"];
        if path == "/" || pages.iter().any(|of| path.starts_with(of)) {
            continue;
        }
        let example = example_path(path, operation);
        let send = async |query: &[(&str, &str)], header: Option<(&str, &str)>, path: &str| {
            let request = app.request(&method.to_uppercase(), path).query(query);
            let request = if method == "post" { request.json(&json!({})) } else { request };
            answer(
                header
                    .into_iter()
                    .fold(request, |request, (name, value)| request.header(name, value)),
            )
            .await
        };
        let named = |answer: TestAnswer, name: &str| {
            let detail = answer.json["detail"].as_str().unwrap_or_default();
            assert_eq!(answer.status, 400, "{method} {path}, {name}: {answer:?}");
            assert!(detail.starts_with(name), "{method} {path}, {name}: {detail}");
        };
        named(send(&[("unknown", "1")], None, &example).await, "unknown");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let wrong = wrong_value(parameter);
            match (parameter["in"].as_str().unwrap(), wrong) {
                ("query", wrong) => {
                    named(send(&[(name, "1"), (name, "1")], None, &example).await, name);
                    if let Some(wrong) = wrong {
                        named(send(&[(name, wrong)], None, &example).await, name);
                    }
                }
                ("header", Some(wrong)) => {
                    named(send(&[], Some((name, wrong)), &example).await, name);
                }
                ("header", None) => {}
                _ => {
                    for wrong in ["x", "%ff", "%00", "a%2Fb", "'"] {
                        let path = path.replace(&format!("{{{name}}}"), wrong);
                        let answer = send(&[], None, &path).await;
                        let code = answer.json["code"].as_str().unwrap_or_default().to_owned();
                        let is_named = match answer.status {
                            400 => code.starts_with("bad_"),
                            // Of an id that has no form of its own.
                            404 => code.starts_with("unknown_"),
                            _ => false,
                        };
                        assert!(is_named, "{method} {path}: {answer:?}");
                    }
                }
            }
            checked_count += 1;
        }
    }
    assert!(checked_count > 20, "{checked_count}");
    app.stop().await;
}
