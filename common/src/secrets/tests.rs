use std::io::Write as _;

use clap::{Args, CommandFactory, Parser, Subcommand};
use tempfile::{NamedTempFile, TempDir};

use super::*;
use crate::config::try_parse_from;

#[derive(Debug, PartialEq, Eq, Parser)]
struct Settings {
    #[command(flatten)]
    secrets: Secrets,

    #[command(subcommand)]
    command: Option<Inner>,
}

#[derive(Debug, PartialEq, Eq, Args)]
struct Secrets {
    /// A password
    #[arg(long, env = "TEST_1_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// Two settings with a file of their own
    #[arg(long, env = "TEST_1_OWN", hide_env_values = true, default_value = "")]
    own: String,

    /// The file
    #[arg(long, env = "TEST_1_OWN_FILE", hide_env_values = true, default_value = "")]
    own_file: String,

    /// No secret
    #[arg(long, env = "TEST_1_URL", value_parser = UrlWithoutPassword)]
    url: Option<::url::Url>,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Inner {
    /// A command
    Deep(Secrets),
}

fn parse(arguments: &[&str]) -> Result<Settings, String> {
    let parsed = try_parse_from::<Settings>([&["test"], arguments].concat());
    parsed.map(|parsed| parsed.settings).map_err(|error| error.to_string())
}

fn file(contents: &[u8]) -> (NamedTempFile, String) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(contents).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

#[test]
fn a_secret_is_read_without_the_line_break_at_its_end() {
    for (contents, expected) in [
        (&b"hunter2"[..], "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" hunter 2 \n\n", " hunter 2 "),
        (b"--hunter2=\\,\"'$x\n", "--hunter2=\\,\"'$x"),
        ("\u{feff}hünter2\n".as_bytes(), "hünter2"),
    ] {
        let (_file, path) = file(contents);
        let outer = parse(&["--password-file", &path]).unwrap();
        assert_eq!(outer.secrets.password.as_deref(), Some(expected));
        let Some(Inner::Deep(inner)) = parse(&["deep", "--password-file", &path]).unwrap().command
        else {
            panic!("no command");
        };
        assert_eq!(inner.password.as_deref(), Some(expected));
    }
}

#[test]
fn without_a_file_nothing_changes() {
    assert_eq!(parse(&["--password", "a"]).unwrap().secrets.password.as_deref(), Some("a"));
    assert_eq!(
        parse(&["--password", "a", "--password-file", ""]).unwrap().secrets.password.as_deref(),
        Some("a")
    );
    assert_eq!(parse(&[]).unwrap().secrets.password, None);
}

#[test]
fn a_file_that_cannot_be_the_secret_is_named_with_its_variable() {
    let folder = TempDir::new().unwrap();
    let folder_path = folder.path().to_str().unwrap().to_owned();
    let missing = format!("{folder_path}/hunter");
    let large = file(&b"hunter2".repeat(20_000));
    let (empty, blank, binary) = (file(b""), file(b" \n\n"), file(b"hunter2\xff"));
    for (path, problem) in [
        (&missing, "cannot be read: No such file"),
        (&folder_path, "cannot be read: Is a directory"),
        (&empty.1, "is empty"),
        (&blank.1, "is empty"),
        (&large.1, "is larger than 128 KiB"),
        (&binary.1, "is not UTF-8"),
    ] {
        for command in [&[][..], &["deep"]] {
            let said = parse(&[command, &["--password-file", path]].concat()).unwrap_err();
            let expected = format!("error: TEST_1_PASSWORD_FILE: the file {path} {problem}");
            assert!(said.starts_with(&expected), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn a_secret_in_the_variable_of_its_file_is_not_shown() {
    for secret in ["hunter2", "mongodb://user:hunter2@host/", "lr_hunter2"] {
        let said = parse(&["--password-file", secret]).unwrap_err();
        assert!(said.starts_with("error: TEST_1_PASSWORD_FILE: "), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_secret_and_its_file_are_not_given_together() {
    let (_file, path) = file(b"hunter2");
    let said = parse(&["--password", "hunter3", "--password-file", &path]).unwrap_err();
    let expected = "TEST_1_PASSWORD and TEST_1_PASSWORD_FILE are both given";
    assert!(said.contains(expected) && !said.contains("hunter"), "{said}");
}

#[test]
fn only_a_secret_without_a_file_of_its_own_gets_one() {
    let command = with_files(Settings::command());
    let longs: Vec<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
    assert_eq!(longs, ["password", "own", "own-file", "url", "password-file"]);
    let own = parse(&["--own-file", "/no/such/file"]).unwrap();
    assert_eq!((own.secrets.own.as_str(), own.secrets.own_file.as_str()), ("", "/no/such/file"));
}

#[test]
fn the_help_has_the_file_below_its_secret_and_is_well_formed() {
    let mut command = with_files(Settings::command());
    command.clone().debug_assert();
    let help = command.render_long_help().to_string();
    let position = |words: &str| help.find(words).unwrap();
    assert!(position("--password <PASSWORD>") < position("--password-file <FILE>"), "{help}");
    assert!(position("--password-file <FILE>") < position("--own <OWN>"), "{help}");
    assert!(help.contains("[env: TEST_1_PASSWORD_FILE]"), "{help}");
}

#[test]
fn a_url_that_is_no_secret_has_no_password() {
    assert!(parse(&["--url", "http://host:1/path"]).is_ok());
    for (url, problem) in [
        ("http://user:hunter2@host/", "must have no user and no password"),
        ("http://hunter2@host/", "must have no user and no password"),
        ("http://user:hunter2@host:x/", "is not a URL"),
        ("hunter2", "is not a URL"),
    ] {
        let said = parse(&["--url", url]).unwrap_err();
        assert!(said.starts_with(&format!("error: TEST_1_URL: {problem}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
