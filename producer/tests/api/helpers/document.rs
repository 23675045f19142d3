//! Holds answers against the OpenAPI document: each has a status that its route describes, a body
//! of the form that is described for it, with no other member, and if it is a problem a code that
//! the description names.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use linkrelay_http::MetricsSettings;
use linkrelay_http::keys::Access;
use serde_json::{Map, Value, json};

use super::TestAnswer;

/// Of a producer without keys.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&Access::Everyone));

pub(crate) fn document(access: &Access) -> Value {
    let document = linkrelay_producer::openapi(access, &MetricsSettings::default());
    serde_json::to_value(document).unwrap()
}

/// The forms of all answers with JSON, by method, path, status and content type.
static FORMS: LazyLock<HashMap<[String; 4], Validator>> = LazyLock::new(|| {
    let mut forms = HashMap::new();
    for (path, method, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (content_type, content) in response["content"].as_object().into_iter().flatten() {
                if content_type.ends_with("json") {
                    let form = jsonschema::validator_for(&closed(&content["schema"])).unwrap();
                    let [path, method] = [path, method].map(str::to_owned);
                    forms.insert([method, path, status.clone(), content_type.clone()], form);
                }
            }
        }
    }
    forms
});

/// Returns every operation, with its path and its method.
pub(crate) fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    DOCUMENT["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Checks an answer of the application.
pub(crate) fn check(method: &str, path: &str, answer: &TestAnswer) {
    let of = format!("{method} {path}: {answer:?}");
    // A limit of the client comes before the route.
    let is_limited = answer.status == 429;
    let Some((template, item)) = find(path) else {
        if !is_limited {
            answer.assert_problem(404, "not_found");
        }
        return;
    };
    let method = method.to_ascii_lowercase();
    let Some(operation) = item.get(&method) else {
        if is_limited {
            return;
        }
        assert!(answer.allow.is_some(), "no Allow: {of}");
        return answer.assert_problem(405, "method_not_allowed");
    };
    let status = answer.status.to_string();
    let Some(response) = operation["responses"].get(&status) else {
        panic!("the status is not described: {of}");
    };
    let content_type = answer.content_type.split(';').next().unwrap().to_owned();
    let key = [method, template.to_owned(), status, content_type.clone()];
    let form = FORMS.get(&key).unwrap_or_else(|| panic!("the body is not described: {of}"));
    let errors: Vec<_> = form.iter_errors(&answer.json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {of}");
    if content_type == "application/problem+json" {
        let code = format!("`{}`", answer.json["code"].as_str().unwrap());
        let text = response["description"].as_str().unwrap();
        assert!(text.contains(&code), "{code} is not described by {text}: {of}");
        assert_eq!(answer.json["status"], answer.status, "{of}");
        let may_retry = response["headers"].get("Retry-After").is_some();
        assert!(may_retry || answer.retry_after.is_none(), "Retry-After is not described: {of}");
    }
}

/// Checks an answer without a body.
pub(crate) fn check_empty(method: &str, path: &str, status: u16) {
    let (_, item) = find(path).unwrap();
    let response = &item[&method.to_ascii_lowercase()]["responses"][status.to_string()];
    assert!(response.is_object() && response.get("content").is_none(), "{method} {path}: {status}");
}

/// Returns the description of a path: that with the fewest parameters that fits.
fn find(path: &str) -> Option<(&'static str, &'static Map<String, Value>)> {
    let path = path.split('?').next().unwrap();
    let fits = |template: &str| {
        let (mut segments, mut names) = (path.split('/'), template.split('/'));
        segments.by_ref().zip(names.by_ref()).all(|(segment, name)| {
            segment == name || (name.starts_with('{') && !segment.is_empty())
        }) && path.split('/').count() == template.split('/').count()
    };
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let fitting = paths.filter(|(template, _)| fits(template));
    let (template, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    Some((template, item.as_object().unwrap()))
}

/// Returns the schema with everything that it refers to, and without room for other members.
fn closed(schema: &Value) -> Value {
    let mut schema = inlined(schema);
    close(&mut schema, true);
    schema
}

fn inlined(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => match members.get("$ref") {
            Some(reference) => {
                let pointer = reference.as_str().unwrap().trim_start_matches('#');
                inlined(DOCUMENT.pointer(pointer).unwrap())
            }
            None => members.iter().map(|(name, value)| (name.clone(), inlined(value))).collect(),
        },
        Value::Array(items) => items.iter().map(inlined).collect(),
        other => other.clone(),
    }
}

/// The parts of an `allOf` know each other's members, so only the whole is closed.
fn close(schema: &mut Value, is_whole: bool) {
    let Value::Object(members) = schema else { return };
    for part in members.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        close(part, false);
    }
    for name in ["oneOf", "anyOf"] {
        for part in members.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten() {
            close(part, true);
        }
    }
    for property in members.get_mut("properties").and_then(Value::as_object_mut).into_iter() {
        property.values_mut().for_each(|property| close(property, true));
    }
    if let Some(items) = members.get_mut("items") {
        close(items, true);
    }
    if is_whole && (members.contains_key("properties") || members.contains_key("allOf")) {
        members.entry("unevaluatedProperties").or_insert(json!(false));
    }
}
