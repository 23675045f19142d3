//! The compose file against the schema of the Compose Specification (compose-spec.json, NOTICE):
//! a misspelt key would be an error of Docker's, or be ignored.

use jsonschema::Validator;
use serde_json::Value;

fn schema() -> Validator {
    let schema: Value = serde_json::from_str(include_str!("compose-spec.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The file as JSON, with the merges of YAML done.
fn compose() -> Value {
    serde_json::to_value(crate::compose()).unwrap()
}

fn errors(schema: &Validator, file: &Value) -> Vec<String> {
    let errors = schema.iter_errors(file);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_compose_file_follows_the_specification() {
    assert_eq!(errors(&schema(), &compose()), Vec::<String>::new());
}

#[test]
fn a_mistake_in_the_compose_file_is_found() {
    let schema = schema();
    for (path, key, wrong) in [
        ("/services/producer", "health_check", "a key that does not exist"),
        ("/services/producer/healthcheck", "intervall", "a key that does not exist"),
        ("/services/consumer/deploy", "replica", "a key that does not exist"),
        ("/services/topics/depends_on/kafka", "condition", "a value that does not exist"),
        ("/services/producer", "ports", "a text instead of a list"),
        ("", "service", "a key that does not exist"),
    ] {
        let mut file = compose();
        file.pointer_mut(path).unwrap()[key] = Value::from("rubbish");
        assert!(!errors(&schema, &file).is_empty(), "{path}/{key}: {wrong}");
    }
}
