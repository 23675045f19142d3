use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::sources::{Source, all};

/// Each key and its forms; of a text with one form it is `other`.
type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// Reads a language, whose object is JSON.
fn language(tag: &str) -> Texts {
    let sources = all();
    let source = sources.iter().find(|source| source.name == format!("lang/{tag}.js")).unwrap();
    let begin = source.text.find("export default {").unwrap() + "export default ".len();
    let json = source.text[begin..].trim().trim_end_matches(';');
    let keys = json.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once("\":"));
    let mut once = BTreeSet::new();
    for (key, _) in keys {
        assert!(once.insert(key), "{tag}: {key} is there twice");
    }
    let object: BTreeMap<String, Value> = serde_json::from_str(json).unwrap();
    let forms = |value: Value| match value {
        Value::String(text) => BTreeMap::from([("other".to_owned(), text)]),
        forms => serde_json::from_value(forms).unwrap(),
    };
    object.into_iter().map(|(key, value)| (key, forms(value))).collect()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
}

#[test]
fn both_languages_have_the_same_texts() {
    let (english, korean) = (language("en"), language("ko"));
    let keys = |texts: &Texts| texts.keys().cloned().collect::<BTreeSet<_>>();
    let one_of_them: Vec<_> =
        keys(&english).symmetric_difference(&keys(&korean)).cloned().collect();
    assert!(one_of_them.is_empty(), "{one_of_them:?}");
    for (tag, texts) in [("en", &english), ("ko", &korean)] {
        for (key, forms) in texts {
            assert!(forms.contains_key("other"), "{tag}: {key}");
            assert!(forms.values().all(|text| !text.trim().is_empty()), "{tag}: {key} is empty");
            assert!(forms.keys().all(|form| ["one", "other"].contains(&form.as_str())), "{key}");
        }
    }
    for (key, forms) in &english {
        let all_of = |forms: &BTreeMap<String, String>| {
            forms.values().flat_map(|text| placeholders(text)).map(str::to_owned).collect()
        };
        let (in_english, in_korean): (BTreeSet<String>, BTreeSet<String>) =
            (all_of(forms), all_of(&korean[key]));
        // Korean counts with one form, so what only one form of English names may be missing.
        assert_eq!(in_english, in_korean, "{key}");
    }
}

#[test]
fn korean_is_korean() {
    let is_hangul = |letter: char| ('\u{ac00}'..='\u{d7a3}').contains(&letter);
    for (key, forms) in language("ko") {
        assert!(forms["other"].chars().any(is_hangul), "{key}: {}", forms["other"]);
    }
}

/// The texts between quotes in a script or page.
fn literals(source: &Source) -> BTreeSet<&str> {
    source.text.split('"').skip(1).step_by(2).collect()
}

/// What follows `start` up to the next quote.
fn after<'a>(source: &'a Source, start: &str) -> Vec<&'a str> {
    let rests = source.text.match_indices(start).filter(|(at, _)| {
        let before = source.text[..*at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    });
    rests.map(|(at, _)| source.text[at + start.len()..].split('"').next().unwrap()).collect()
}

#[test]
fn every_key_that_is_used_exists_and_every_key_is_used() {
    let texts = language("en");
    let kinds: BTreeSet<&str> = texts.keys().map(|key| key.split('.').next().unwrap()).collect();
    let sources = all();
    let scripts: Vec<_> =
        sources.iter().filter(|source| !source.name.starts_with("lang/")).collect();
    let (mut used, mut used_kinds) = (BTreeSet::new(), BTreeSet::new());
    for source in scripts {
        for key in
            ["t(\"", "data-t=\"", "data-t-label=\""].iter().flat_map(|start| after(source, start))
        {
            assert!(texts.contains_key(key), "{}: {key}", source.name);
        }
        for kind in after(source, "tOf(\"") {
            assert!(kinds.contains(kind), "{}: {kind}", source.name);
            used_kinds.insert(kind);
        }
        // A list of keys, whose texts are looked up in a loop.
        let keys = literals(source).into_iter().filter(|text| {
            text.split_once('.').is_some_and(|(kind, rest)| {
                kinds.contains(kind)
                    && rest.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
            }) && !text.ends_with(".js")
        });
        for key in keys {
            assert!(texts.contains_key(key), "{}: {key}", source.name);
            used.insert(key);
        }
    }
    let unused: Vec<_> = texts
        .keys()
        .filter(|key| !used.contains(key.as_str()))
        .filter(|key| !used_kinds.contains(key.split('.').next().unwrap()))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}
