//! The two forms of librdkafka settings: `KAFKA_CONFIG`, all in one line, and the file that
//! `KAFKA_CONFIG_FILE` names, in librdkafka's own format.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};

use super::pass_through::{PassThrough, SettingPosition};

/// The form in which settings are written. It is a parser for clap, which would otherwise show the
/// entire value in its error.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// `key=value`, separated by commas; `\,` is a comma, and `\\` a backslash.
    Text,
    /// The name of a file with a `key=value` on each line; `#` begins a comment.
    File,
}

impl Source {
    fn variable(self) -> &'static str {
        match self {
            Self::Text => "KAFKA_CONFIG",
            Self::File => "KAFKA_CONFIG_FILE",
        }
    }

    fn position(self, number: usize) -> SettingPosition {
        let unit = match self {
            Self::Text => "entry",
            Self::File => "line",
        };
        SettingPosition { variable: self.variable(), unit, number }
    }

    fn read(self, given: &str) -> Result<PassThrough, String> {
        match self {
            Self::Text => entries(given),
            // Compose files and shells unset a variable in this way.
            Self::File if given.trim().is_empty() => Ok(PassThrough::default()),
            Self::File => {
                let text = std::fs::read_to_string(given);
                lines(&text.map_err(|error| format!("the file cannot be read: {error}"))?)
            }
        }
    }
}

impl TypedValueParser for Source {
    type Value = PassThrough;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        given: &OsStr,
    ) -> Result<PassThrough, clap::Error> {
        let given = given.to_str().ok_or_else(|| "it is not UTF-8".to_owned());
        given.and_then(|given| self.read(given)).map_err(|problem| {
            let message = format!("{}: {problem}\n", self.variable());
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

impl FromStr for PassThrough {
    type Err = String;

    /// Reads the value of `KAFKA_CONFIG`.
    fn from_str(text: &str) -> Result<Self, String> {
        entries(text)
    }
}

fn entries(text: &str) -> Result<PassThrough, String> {
    let mut settings = PassThrough::default();
    for (at, entry) in split(text)?.iter().enumerate() {
        add(&mut settings, Source::Text.position(at + 1), entry)?;
    }
    Ok(settings)
}

fn lines(text: &str) -> Result<PassThrough, String> {
    let mut settings = PassThrough::default();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if !line.trim_start().starts_with('#') {
            add(&mut settings, Source::File.position(at + 1), line)?;
        }
    }
    Ok(settings)
}

fn add(settings: &mut PassThrough, position: SettingPosition, entry: &str) -> Result<(), String> {
    if entry.trim().is_empty() {
        return Ok(());
    }
    match entry.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
        Some((key, value)) if !key.is_empty() => settings.insert(position, key, value),
        _ => Err(format!("{position} is not of the form key=value")),
    }
}

/// Returns the entries between the commas, with escaped characters decoded.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut entries = vec![String::new()];
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let number = entries.len();
        let meant = match c {
            ',' => {
                entries.push(String::new());
                continue;
            }
            '\\' => rest.next().filter(|escaped| matches!(escaped, ',' | '\\')).ok_or_else(|| {
                let position = Source::Text.position(number);
                format!("{position} has a backslash before neither a comma nor a backslash (\\, is a comma, \\\\ a backslash)")
            })?,
            other => other,
        };
        entries.last_mut().into_iter().for_each(|entry| entry.push(meant));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Returns a password, escaped as in `KAFKA_CONFIG`.
    fn escaped(password: &str) -> String {
        password.replace('\\', r"\\").replace(',', r"\,")
    }

    #[test]
    fn both_forms_are_read() {
        for (source, text, password) in [
            (Source::Text, "sasl.password=a=b, sasl.username = me ", "a=b"),
            (Source::Text, r"sasl.password=a\,b\\c,sasl.username=me", r"a,b\c"),
            (Source::Text, r"sasl.password=\\\,\\,sasl.username=me", r"\,\"),
            (Source::Text, ",sasl.password=a,,sasl.username=me,", "a"),
            (Source::File, "# me, here\n\nsasl.username=me\nsasl.password=a,b\\c\n", r"a,b\c"),
            (Source::File, "\u{feff}sasl.username = me\r\n sasl.password = a#b\r\n", "a#b"),
        ] {
            let read = match source {
                Source::Text => entries(text),
                Source::File => lines(text),
            };
            let read = read.unwrap();
            assert_eq!(read.get("sasl.username"), Some("me"), "{text}");
            assert_eq!(read.get("sasl.password"), Some(password), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_position() {
        let problem = |read: Result<PassThrough, String>| read.unwrap_err();
        for (text, wrong) in [
            ("a=1,hunter2", "entry 2 is not of the form key=value"),
            ("a=1,=hunter2", "entry 2 is not of the form key=value"),
            (r"a=hunter\2", "entry 1 has a backslash before neither"),
            (r"a=1,b=hunter2\", "entry 2 has a backslash before neither"),
            ("acks=1,b=2,request.required.acks=3", "entry 3 sets what entry 1 sets"),
        ] {
            let said = problem(entries(text));
            assert!(said.starts_with(wrong) && !said.contains("hunter"), "{said}");
        }
        assert_eq!(problem(lines("a=1\n\nhunter2")), "line 3 is not of the form key=value");
        assert!(problem(lines("a=1\na=2")).starts_with("line 2 sets what line 1 sets"));
    }

    #[test]
    fn a_file_is_read_and_a_missing_one_is_not_shown() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "sasl.password=a,b").unwrap();
        let read = Source::File.read(file.path().to_str().unwrap()).unwrap();
        assert_eq!(read.get("sasl.password"), Some("a,b"));
        assert_eq!(Source::File.read(" "), Ok(PassThrough::default()));
        // An operator confuses the two variables.
        let said = Source::File.read("sasl.password=hunter2").unwrap_err();
        assert!(said.starts_with("the file cannot be read: ") && !said.contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_password_is_read_unchanged(password in r"[^\s\x00-\x1f]{1,20}") {
            let text = format!("a=1,sasl.password={},b=2", escaped(&password));
            let read = entries(&text).unwrap();
            prop_assert_eq!(read.get("sasl.password"), Some(password.as_str()));
            let read = lines(&format!("sasl.password={password}")).unwrap();
            prop_assert_eq!(read.get("sasl.password"), Some(password.as_str()));
        }

        /// No matter how a secret is written and what splits it in two, no message shows a part of
        /// it. Its parts are capital letters, which no message has in such a sequence.
        #[test]
        fn no_error_or_debug_print_holds_a_part_of_a_secret(
            parts in prop::collection::vec("[XYZQ]{4}", 1..4),
            between in prop::sample::select(vec![",", "=", r"\", r"\,", r"\\", " ", "\n", "\"", ",="]),
            key in prop::sample::select(vec![
                "sasl.password", "ssl.key.password", "sasl.mechanism", "security.protocol",
                "linger.ms", "ssl.key.location", "ssl.ca.location", "ssl.key.pem", "debug", "acks",
                "sasl.jaas.config", "sasl.oauthbearer.client.secret", "no.such.key", "",
            ]),
        ) {
            let secret = parts.join(between);
            for text in [
                format!("{key}={secret}"),
                format!("security.protocol=SASL_SSL,{key}={secret},linger.ms=1"),
                format!("{secret}={key}"),
                secret,
            ] {
                let mut said = String::new();
                for (read, source) in [(entries(&text), "text"), (lines(&text), "file")] {
                    said += &match read {
                        Ok(settings) => format!("{source} {settings:?} {:?}", settings.validate()),
                        Err(problem) => problem,
                    };
                }
                let parsed = Source::Text.parse_ref(&Command::new("x"), None, OsStr::new(&text));
                said += &format!("{parsed:?} {}", parsed.as_ref().err().map(ToString::to_string).unwrap_or_default());
                for part in &parts {
                    prop_assert!(!said.contains(part.as_str()), "{} in {}", part, said);
                }
            }
        }
    }
}
