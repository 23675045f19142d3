use std::collections::{BTreeMap, BTreeSet};

use super::file;

/// A row of the table: the type, and each label with its values, or `None` if the table describes
/// them in italics.
struct Row {
    kind: String,
    labels: BTreeMap<String, Option<BTreeSet<String>>>,
}

/// What the roles show is in docs/METRICS.md, with its type, labels and values, and what is there
/// some role shows.
pub(super) fn check(shown: &[String]) {
    let rows = rows();
    let mut seen = BTreeSet::new();
    for text in shown {
        let mut current = None;
        for line in text.lines() {
            if let Some(of_type) = line.strip_prefix("# TYPE ") {
                let (name, kind) = of_type.split_once(' ').unwrap();
                let row = rows.get(name).unwrap_or_else(|| panic!("{name} is not documented"));
                assert_eq!(row.kind, kind, "{name}");
                seen.insert(name.to_owned());
                current = Some((name, row));
            } else if !line.is_empty() && !line.starts_with('#') {
                let (name, row) = current.unwrap_or_else(|| panic!("without a type: {line}"));
                assert!(line.starts_with(name), "{line} of {name}");
                check_labels(line, row);
            }
        }
    }
    let unseen: Vec<&String> = rows.keys().filter(|name| !seen.contains(*name)).collect();
    assert!(unseen.is_empty(), "no role shows {unseen:?}");
}

fn check_labels(line: &str, row: &Row) {
    let Some((_, labels)) = line.split_once('{') else {
        return assert!(row.labels.is_empty(), "without labels: {line}");
    };
    let (labels, _) = labels.rsplit_once("\"}").unwrap();
    let mut expected: BTreeSet<&str> = row.labels.keys().map(String::as_str).collect();
    for label in labels.split("\",") {
        let (label, value) = label.split_once("=\"").unwrap();
        if label == "le" && row.kind == "histogram" {
            continue;
        }
        assert!(expected.remove(label), "the label {label} is not documented: {line}");
        let values = &row.labels[label];
        let is_known = values.as_ref().is_none_or(|values| values.contains(value));
        assert!(is_known, "the value {value} is not documented: {line}");
    }
    assert!(expected.is_empty(), "{expected:?} are missing: {line}");
}

/// The rows `| name | type | labels | meaning | unit |` by name.
fn rows() -> BTreeMap<String, Row> {
    let text = file("docs/METRICS.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, kind, labels, ..] = cells[..] else { panic!("{line}") };
        let labels = labels.split("; ").filter(|label| !label.is_empty()).map(|label| {
            let (label, values) = label.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            let values = (!values.starts_with('*'))
                .then(|| values.split(", ").map(str::to_owned).collect::<BTreeSet<_>>());
            (label.trim_matches('`').to_owned(), values)
        });
        let row = Row { kind: kind.to_owned(), labels: labels.collect() };
        (name.trim_matches('`').to_owned(), row)
    });
    rows.collect()
}
