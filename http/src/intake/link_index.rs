//! The index of a link, as a body has it.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An index from 0. In JSON `3.0` is the same whole number as `3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkIndex(pub u32);

impl<'de> Deserialize<'de> for LinkIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        let is_index =
            |number: &f64| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number);
        // A float has room for every index.
        let index = number.as_f64().filter(is_index).map(|number| Self(number as u32));
        let problem = || format!("{number} is no whole number from 0 to {}", u32::MAX);
        index.ok_or_else(|| D::Error::custom(problem()))
    }
}

impl PartialSchema for LinkIndex {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::UInt32)))
            .minimum(Some(0))
            .maximum(Some(u32::MAX))
            .into()
    }
}

impl ToSchema for LinkIndex {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_any_spelling_are_indexes() {
        for (text, index) in [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("3.0", Some(3)),
            ("1e2", Some(100)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("1e300", None),
            ("-1", None),
            ("0.5", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            let read = serde_json::from_str::<LinkIndex>(text).ok();
            assert_eq!(read.map(|LinkIndex(index)| index), index, "{text}");
        }
    }
}
