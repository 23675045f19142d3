//! Reads the parameters of a path and of a query, so that each wrong one is answered by name.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use linkrelay_common::{RequestId, VideoId};
use url::form_urlencoded;

use crate::error::ApiError;

/// The parameters of a query. An empty one counts as not given: that is what a form sends for a
/// field that is left empty.
#[derive(Debug)]
pub(crate) struct Parameters {
    all: Vec<(String, String)>,
    /// Those that are not read yet.
    left: Vec<(String, String)>,
}

/// The id in the path.
#[derive(Debug)]
pub(crate) struct InPath<T>(pub(crate) T);

/// An id that is a segment of a path.
pub(crate) trait PathId: Sized {
    /// Reads the id.
    ///
    /// # Errors
    /// The answer to a client whose text is not one.
    fn read(text: &str) -> Result<Self, ApiError>;
}

impl PathId for RequestId {
    fn read(text: &str) -> Result<Self, ApiError> {
        Ok(text.parse()?)
    }
}

impl PathId for VideoId {
    fn read(text: &str) -> Result<Self, ApiError> {
        Self::parse(text).map_err(|_| ApiError::BadVideoId)
    }
}

impl<S: Send + Sync, T: PathId> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let segment = Path::<String>::from_request_parts(parts, state).await;
        // What is not UTF-8 is not an id.
        T::read(&segment.map(|Path(text)| text).unwrap_or_default()).map(Self)
    }
}

/// The query of a route that has no parameters: one that is given is refused, as it would be by any
/// other route.
#[derive(Debug)]
pub(crate) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Parameters::parse(parts.uri.query().unwrap_or_default())?.end().map(|()| Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl Parameters {
    /// Reads a query.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] if a parameter comes twice.
    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(ApiError::BadQuery(format!("{name} is given twice")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self { left: pairs.clone(), all: pairs })
    }

    /// Takes the text of a parameter.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let position = self.left.iter().position(|(other, _)| other == name)?;
        Some(self.left.swap_remove(position).1)
    }

    /// Takes a parameter that is read by its type.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the name, and what the type says about the text.
    pub(crate) fn read<T: FromStr<Err: Display>>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, ApiError> {
        let parse = |text: String| text.parse().map_err(|error: T::Err| wrong(name, error));
        self.text(name).map(parse).transpose()
    }

    /// Takes a whole number.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the name and the range.
    pub(crate) fn number(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ApiError> {
        let parse = |text: String| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            let (start, end) = (range.start(), range.end());
            number.ok_or_else(|| wrong(name, format!("must be a number from {start} to {end}")))
        };
        self.text(name).map(parse).transpose()
    }

    /// Takes an index of a link.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the name and the range.
    pub(crate) fn index(&mut self, name: &str) -> Result<Option<u32>, ApiError> {
        let index = self.number(name, 0..=u64::from(u32::MAX))?;
        Ok(index.map(|index| u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// Takes how many items a page may have, or `default`.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the range, unless it is a number from 1 to `max`.
    pub(crate) fn limit(&mut self, default: u32, max: u32) -> Result<u32, ApiError> {
        let limit = self.number("limit", 1..=u64::from(max))?;
        Ok(limit.map_or(default, |limit| u32::try_from(limit).unwrap_or(max)))
    }

    /// Takes one of these names, each with its value.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the name of the parameter, and all names that are possible.
    pub(crate) fn one_of<T: Copy>(
        &mut self,
        name: &str,
        values: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = values.iter().find(|(value, _)| *value == text);
        let names = || values.iter().map(|(value, _)| *value).collect::<Vec<_>>().join(", ");
        let found = found.ok_or_else(|| wrong(name, format!("must be one of {}", names())))?;
        Ok(Some(found.1))
    }

    /// Takes a time: a day, which means its beginning in UTC, or a date and time with an offset.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the name and two examples.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let parse = |text: String| {
            // A date's parser drops a time that is behind it.
            let time = match text.parse::<Date>() {
                Ok(date) if date.to_string() == text => {
                    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0))
                }
                _ => text.parse(),
            };
            time.map_err(|_| {
                wrong(name, "must be a day like 2026-11-28, or a time like 2026-11-28T10:00:00Z")
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// Checks that every parameter has been read.
    ///
    /// # Errors
    /// [`ApiError::BadQuery`] with the name of one that is not known.
    pub(crate) fn end(&self) -> Result<(), ApiError> {
        match self.left.first() {
            Some((name, _)) => Err(wrong(name, "is no parameter of this route")),
            None => Ok(()),
        }
    }

    /// Returns the path of the same query with another value of one parameter.
    pub(crate) fn path_with(&self, path: &str, name: &str, value: impl Display) -> String {
        let start = path.len() + 1;
        let mut query = form_urlencoded::Serializer::for_suffix(format!("{path}?"), start);
        for (other, value) in self.all.iter().filter(|(other, _)| other != name) {
            query.append_pair(other, value);
        }
        query.append_pair(name, &value.to_string());
        query.finish()
    }
}

/// Returns the error of one parameter.
pub(crate) fn wrong(name: &str, problem: impl Display) -> ApiError {
    ApiError::BadQuery(format!("{name}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning_and_a_time_is_itself() {
        for (text, seconds) in [
            ("1970-01-02", 86_400),
            ("1970-01-01T00:00:05Z", 5),
            ("1970-01-01T01:00:00%2B01:00", 0),
        ] {
            let mut parameters = Parameters::parse(&format!("at={text}")).unwrap();
            let time = parameters.time("at").unwrap().map(Timestamp::as_second);
            assert_eq!(time, Some(seconds), "{text}");
        }
        for text in ["x", "2026", "1970-13-01", "1970-01-01T00:00:00"] {
            let error = Parameters::parse(&format!("at={text}")).unwrap().time("at").unwrap_err();
            assert!(error.to_string().starts_with("at: must be a day"), "{error}");
        }
    }

    #[test]
    fn an_empty_parameter_is_not_given_and_one_too_many_is_named() {
        let mut parameters = Parameters::parse("a=&b=1&c=2").unwrap();
        assert_eq!(parameters.text("a"), None);
        assert_eq!(parameters.number("b", 1..=3).unwrap(), Some(1));
        assert_eq!(parameters.path_with("/x", "b", "2 3"), "/x?c=2&b=2+3");
        let error = parameters.end().unwrap_err().to_string();
        assert_eq!(error, "c: is no parameter of this route");
        let error = Parameters::parse("a=1&b=2&a=3").unwrap_err().to_string();
        assert_eq!(error, "a is given twice");
    }
}
