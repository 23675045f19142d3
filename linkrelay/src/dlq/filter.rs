//! The filter of dead letters, with the same arguments for `list` and `replay`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use humantime::parse_duration;
use jiff::{SignedDuration, Timestamp};
use linkrelay_common::{ErrorClass, RequestId, SettingsError};
use linkrelay_producer::dlq::LetterFilter;

/// A dead letter passes if all given arguments apply to it.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct FilterArguments {
    /// Only errors of this class; may be given more than once
    #[arg(
        long = "class",
        value_name = "CLASS",
        value_parser = PossibleValuesParser::new(ErrorClass::ALL.map(ErrorClass::as_str))
            .try_map(|text| text.parse::<ErrorClass>())
    )]
    classes: Vec<ErrorClass>,

    /// Only links that were given up at this time or later: RFC 3339, or how long ago (`2h`)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,

    /// Only links that were given up before this time: RFC 3339, or how long ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,

    /// Only links of this request
    #[arg(long = "request", value_name = "ID")]
    request_id: Option<RequestId>,
}

impl FilterArguments {
    /// Checks the arguments together.
    ///
    /// # Errors
    /// If two of them contradict each other; the error names one.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since >= until => {
                Err(SettingsError::new("--since", "must be before --until"))
            }
            _ => Ok(()),
        }
    }
}

impl From<FilterArguments> for LetterFilter {
    fn from(arguments: FilterArguments) -> Self {
        let FilterArguments { classes, since, until, request_id } = arguments;
        Self { classes, since, until, request_id, ..Self::default() }
    }
}

/// Parses a time, or how long ago it was.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let is_wrong = || {
        format!(
            "\"{text}\" is neither a time such as 2026-08-01T12:00:00Z nor a duration such as 2h"
        )
    };
    let ago = parse_duration(text).map_err(|_| is_wrong())?;
    let ago = SignedDuration::try_from(ago).map_err(|_| is_wrong())?;
    Timestamp::now().checked_sub(ago).map_err(|_| is_wrong())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use linkrelay_producer::dlq::DeadLetter;

    use super::super::tests::letter;
    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        filter: FilterArguments,
    }

    fn arguments(arguments: &[&str]) -> FilterArguments {
        Command::try_parse_from([&["x"], arguments].concat()).unwrap().filter
    }

    fn filter(given: &[&str]) -> LetterFilter {
        arguments(given).into()
    }

    #[test]
    fn several_classes_pass_more_and_all_other_arguments_pass_less() {
        let (transient, malformed) =
            (letter(ErrorClass::Transient, 100), letter(ErrorClass::Malformed, 200));
        let takes = |arguments: &[&str]| {
            let filter = filter(arguments);
            (filter.takes(&transient), filter.takes(&malformed))
        };
        assert_eq!(takes(&[]), (true, true));
        assert_eq!(takes(&["--class", "transient"]), (true, false));
        assert_eq!(takes(&["--class", "transient", "--class", "malformed"]), (true, true));
        assert_eq!(takes(&["--since", "1970-01-01T00:01:40Z"]), (true, true));
        assert_eq!(takes(&["--since", "1970-01-01T00:01:40.001Z"]), (false, true));
        assert_eq!(takes(&["--until", "1970-01-01T00:03:20Z"]), (true, false));
        assert_eq!(takes(&["--since", "2h"]), (false, false));
        assert_eq!(takes(&["--until", "2h", "--class", "malformed"]), (false, true));
        assert_eq!(takes(&["--request", &RequestId::new(1).to_string()]), (false, false));
    }

    #[test]
    fn a_request_is_chosen_by_its_id() {
        let request_id = RequestId::new(2);
        let mine =
            DeadLetter { request_id: Some(request_id), ..letter(ErrorClass::Transient, 100) };
        assert!(filter(&["--request", &request_id.to_string()]).takes(&mine));
    }

    #[test]
    fn a_record_of_another_program_has_no_class() {
        let other =
            DeadLetter { class: None, failed_at: None, ..letter(ErrorClass::Transient, 100) };
        assert!(filter(&[]).takes(&other));
        for arguments in [["--class", "transient"], ["--since", "9999d"], ["--until", "0s"]] {
            assert!(!filter(&arguments).takes(&other), "{arguments:?}");
        }
    }

    #[test]
    fn wrong_filters_are_refused() {
        for arguments in [
            ["--since", "yesterday"],
            ["--since", "99999999999y"],
            ["--class", "fatal"],
            ["--request", "7"],
        ] {
            let parsed = Command::try_parse_from([&["x"], &arguments[..]].concat());
            assert!(parsed.is_err(), "{arguments:?}");
        }
        let backwards = arguments(&["--since", "1h", "--until", "2h"]).validate();
        assert_eq!(backwards.unwrap_err().setting, "--since");
        arguments(&["--since", "2h", "--until", "1h"]).validate().unwrap();
    }
}
