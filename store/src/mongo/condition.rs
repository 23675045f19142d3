//! Joins the conditions of a query.

use mongodb::bson::{Bson, Document, doc};

/// Returns the condition that all of these hold. Where possible it is one list of fields: some
/// servers use no index for a list of conditions (`$and`).
pub(super) fn all_of(conditions: impl IntoIterator<Item = Document>) -> Document {
    let mut all = Document::new();
    let mut others = Vec::new();
    for (field, wanted) in conditions.into_iter().flatten() {
        match (all.get_mut(&field), wanted) {
            (None, wanted) => drop(all.insert(field, wanted)),
            (Some(Bson::Document(before)), Bson::Document(more))
                if more.keys().all(|operator| !before.contains_key(operator)) =>
            {
                before.extend(more);
            }
            (Some(before), wanted) if *before == wanted => {}
            (Some(_), wanted) => others.push(doc! { field: wanted }),
        }
    }
    if !others.is_empty() {
        all.insert("$and", others);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_become_one_list_of_fields_unless_they_contradict() {
        let below = || doc! { "a": { "$lt": 9 } };
        for (conditions, expected) in [
            (vec![], doc! {}),
            (vec![below(), doc! { "b": 1 }, doc! {}], doc! { "a": { "$lt": 9 }, "b": 1 }),
            (vec![below(), doc! { "a": { "$gte": 1 } }], doc! { "a": { "$lt": 9, "$gte": 1 } }),
            (vec![doc! { "b": 1 }, doc! { "b": 1 }], doc! { "b": 1 }),
            (
                vec![below(), doc! { "a": { "$lt": 5 } }, doc! { "a": 2 }],
                doc! { "a": { "$lt": 9 }, "$and": [{ "a": { "$lt": 5 } }, { "a": 2 }] },
            ),
        ] {
            assert_eq!(all_of(conditions), expected);
        }
    }
}
