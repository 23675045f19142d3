use std::io::Write as _;

use clap::{Args, Subcommand};
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

/// Cargo sets it for this process.
const IN_ENVIRONMENT: &str = "CARGO_PKG_NAME";

#[derive(Debug, PartialEq, Eq, Parser)]
struct Settings {
    /// A number
    #[arg(long, env = "TEST_2_NUMBER", default_value_t = 1, global = true)]
    number: u32,

    #[command(subcommand)]
    command: Option<Inner>,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Inner {
    /// A command
    Deep(Deep),
    /// Another one, with a setting that `deep` does not have
    Other {
        /// A colour
        #[arg(long, env = "TEST_2_COLOUR")]
        colour: Option<String>,
    },
}

#[derive(Debug, PartialEq, Eq, Args)]
struct Deep {
    /// A text
    #[arg(long, env = "TEST_2_TEXT")]
    text: Option<String>,

    /// A switch
    #[arg(long, env = "TEST_2_SWITCH", action = clap::ArgAction::Set, num_args = 0..=1,
        default_value_t = false, default_missing_value = "true")]
    switch: bool,

    /// A password
    #[arg(long, env = "TEST_2_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// A setting of the environment
    #[arg(long, env = IN_ENVIRONMENT)]
    package: Option<String>,
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn parse(arguments: &[&str], text: &str) -> Result<Parsed<Settings>, String> {
    let file = file(text);
    let path = file.path().to_str().unwrap();
    let arguments = [&["test", "--config", path], arguments].concat();
    // Every run has another path.
    try_parse_from(arguments).map_err(|error| error.to_string().replace(path, "FILE"))
}

fn deep(parsed: Parsed<Settings>) -> Deep {
    match parsed.settings.command {
        Some(Inner::Deep(deep)) => deep,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
    let text = "TEST_2_TEXT=of the file\nTEST_2_NUMBER=2\nCARGO_PKG_NAME=of the file\n";
    let in_file = parse(&["deep"], text).unwrap();
    assert_eq!(in_file.settings.number, 2);
    let of_file = deep(in_file);
    assert_eq!(of_file.text.as_deref(), Some("of the file"));
    assert_eq!(of_file.package.as_deref(), Some("linkrelay-common"), "of the environment");
    assert!(!of_file.switch, "the default");
    let flags = ["deep", "--number", "3", "--text", "a flag", "--package", "a flag", "--switch"];
    let by_flag = parse(&flags, &format!("{text}TEST_2_SWITCH=false\n")).unwrap();
    assert_eq!(by_flag.settings.number, 3);
    let by_flag = deep(by_flag);
    assert_eq!(by_flag.text.as_deref(), Some("a flag"));
    assert_eq!(by_flag.package.as_deref(), Some("a flag"));
    assert!(by_flag.switch);
    assert!(deep(parse(&["deep"], "TEST_2_SWITCH=true\n").unwrap()).switch);
}

#[test]
fn the_file_is_named_anywhere_on_the_command_line() {
    let file = file("TEST_2_NUMBER=2");
    let path = file.path().to_str().unwrap();
    for arguments in [["test", "--config", path, "deep"], ["test", "deep", "--config", path]] {
        assert_eq!(try_parse_from::<Settings>(arguments).unwrap().settings.number, 2);
    }
    command::<Settings>().debug_assert();
}

#[test]
fn each_setting_is_shown_with_its_value_and_where_it_came_from() {
    let secret = file("hunter2\n");
    let text =
        format!("# A comment\nTEST_2_NUMBER=2\nTEST_2_PASSWORD_FILE={}\n", secret.path().display());
    let parsed = parse(&["deep", "--text", "a,b"], &text).unwrap();
    let shown: Vec<_> = parsed
        .effective()
        .into_iter()
        .map(|setting| {
            let source = match setting.source {
                Source::File(location) => location,
                other => format!("{other:?}"),
            };
            (setting.name, setting.value, source)
        })
        .collect();
    let names: Vec<&str> = shown.iter().map(|(name, ..)| name.as_str()).collect();
    let expected =
        ["TEST_2_NUMBER", "TEST_2_TEXT", "TEST_2_SWITCH", "TEST_2_PASSWORD", "CARGO_PKG_NAME"];
    assert_eq!(names, expected);
    let values: Vec<_> = shown.iter().map(|(_, value, _)| value.as_deref()).collect();
    assert_eq!(values, [Some("2"), Some("a,b"), Some("false"), None, Some("linkrelay-common")]);
    assert!(shown[0].2.ends_with(":2"), "{shown:?}");
    assert_eq!(shown[1].2, "Flag");
    assert_eq!(shown[2].2, "Default");
    assert!(shown[3].2.contains("TEST_2_PASSWORD_FILE"), "{shown:?}");
    assert_eq!(shown[4].2, "Environment");
    assert!(!format!("{shown:?}").contains("hunter2"));
    assert_eq!(deep(parsed).password.as_deref(), Some("hunter2"));
}

#[test]
fn a_secret_and_its_file_follow_the_same_order() {
    let (first, second) = (file("of the first file"), file("of the second file"));
    let [first, second] = [&first, &second].map(|file| file.path().to_str().unwrap());
    let named = format!("TEST_2_PASSWORD_FILE={first}\n");
    for (flags, text, expected) in [
        (&["deep"][..], named.as_str(), "of the first file"),
        (&["deep", "--password", "a flag"], &named, "a flag"),
        (&["deep", "--password-file", second], &named, "of the second file"),
        (&["deep", "--password-file", second], "TEST_2_PASSWORD=in the file", "of the second file"),
        (&["deep"], "TEST_2_PASSWORD=in the file", "in the file"),
    ] {
        let parsed = parse(flags, text).unwrap();
        assert_eq!(deep(parsed).password.as_deref(), Some(expected), "{flags:?} {text}");
    }
    let both = format!("{named}TEST_2_PASSWORD=hunter2\n");
    let said = parse(&["deep"], &both).unwrap_err();
    assert!(said.contains("TEST_2_PASSWORD and TEST_2_PASSWORD_FILE are both given"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_line_that_others_would_read_differently_is_refused_by_its_number() {
    for (line, problem) in [
        ("TEST_2_TEXT=\"a b\"", "TEST_2_TEXT: a value has no quotes around it"),
        ("TEST_2_TEXT='a'", "TEST_2_TEXT: a value has no quotes around it"),
        ("TEST_2_TEXT=a\\,b", "TEST_2_TEXT: systemd reads \\ as an escape"),
        ("TEST_2_TEXT=a\\", "TEST_2_TEXT: systemd reads \\ as an escape"),
        ("TEST_2_TEXT=a ", "TEST_2_TEXT: has a space before or after its value"),
        ("TEST_2_TEXT=a\t", "TEST_2_TEXT: has a space before or after its value"),
        ("TEST_2_TEXT= a", "TEST_2_TEXT: has a space before or after its value"),
        ("TEST_2_TEXT=a # why", "TEST_2_TEXT: has a comment after its value"),
        ("TEST_2_TEXT=a\u{7}", "TEST_2_TEXT: has a control character"),
        ("TEST_2_TEXT=a\rb", "TEST_2_TEXT: has a control character"),
        ("export TEST_2_TEXT=a", "begins with `export`"),
        ("TEST_2_TEXT =a", "has a space before ="),
        ("TEST_2_TEXT", "is not NAME=value"),
        ("hunter2=a=b c", "linkrelay has no setting hunter2"),
        ("2_TEXT=a", "does not begin with the name of a setting"),
        ("=a", "does not begin with the name of a setting"),
        ("{\"a\": \"b=c\"}", "does not begin with the name of a setting"),
        ("\u{feff}TEST_2_TEXT=a", "does not begin with the name of a setting"),
        ("; TEST_2_TEXT=a", "a comment begins with #"),
        ("# a comment that goes on \\", "systemd takes the next line for a part of this comment"),
        ("TEST_2_NUMBER=5", "TEST_2_NUMBER is already set in line 1"),
        ("TEST_2_NUMBRE=5", "linkrelay has no setting TEST_2_NUMBRE; did you mean TEST_2_NUMBER?"),
        ("KAFKA_BROKER=5", "linkrelay has no setting KAFKA_BROKER; did you mean KAFKA_BROKERS?"),
        ("mongodb_uri=5", "linkrelay has no setting mongodb_uri; did you mean MONGODB_URI?"),
    ] {
        let said = parse(&["deep"], &format!("TEST_2_NUMBER=2\n\n{line}\n")).unwrap_err();
        assert!(said.starts_with(&format!("error: FILE:3: {problem}")), "{line}: {said}");
        assert!(said.matches("FILE:").count() == 1, "{said}");
    }
}

#[test]
fn what_all_read_alike_is_taken() {
    let text = "# A comment\r\n  # another\n\n\tTEST_2_TEXT=a  b=\"c\" $d #e'f;\r\n\
        TEST_2_COLOUR=\nKAFKA_BROKERS=of another role\n";
    let parsed = parse(&["deep"], text);
    // Taken for a comment by people, so it is refused.
    assert!(parsed.unwrap_err().contains("has a comment after its value"));
    let text = text.replace(" #e", "#e");
    let parsed = parse(&["deep"], &text).unwrap();
    assert_eq!(deep(parsed).text.as_deref(), Some("a  b=\"c\" $d#e'f;"));
    assert!(parse(&["other"], "TEST_2_COLOUR=red").is_ok());
}

#[test]
fn all_wrong_lines_are_named_at_once() {
    let said = parse(&["deep"], "export A=1\nB\nTEST_2_TEXT='a'").unwrap_err();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("FILE:")).collect();
    assert_eq!(lines.len(), 3, "{said}");
}

#[test]
fn a_value_that_its_setting_refuses_is_named_with_its_line() {
    let said = parse(&["deep"], "\nTEST_2_NUMBER=many").unwrap_err();
    assert!(said.contains("--number") && said.contains("the value is in FILE:2"), "{said}");
    let said = parse(&["deep", "--number", "many"], "\nTEST_2_NUMBER=3").unwrap_err();
    assert!(!said.contains("FILE"), "it is the flag's value: {said}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let large = file(&"#\n".repeat(40_000));
    let binary = NamedTempFile::new().unwrap();
    std::fs::write(binary.path(), b"A=\xff").unwrap();
    for (path, problem) in [
        (folder.path().join("missing").as_path(), "cannot be read: No such file"),
        (folder.path(), "cannot be read: Is a directory"),
        (large.path(), "is larger than 64 KiB"),
        (binary.path(), "is not UTF-8"),
    ] {
        let path = path.to_str().unwrap();
        let error = try_parse_from::<Settings>(["test", "--config", path]).unwrap_err();
        let said = error.to_string();
        let expected = format!("error: --config: the file {path} {problem}");
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn the_names_are_sorted_and_appear_once() {
    assert!(SETTING_NAMES.is_sorted_by(|a, b| a < b));
}

/// A value with the rules of systemd (`env-file.c`) for a line without a second one.
fn by_systemd(value: &str) -> String {
    let mut read = String::new();
    let mut chars = value.trim_start_matches([' ', '\t']).chars();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) if read.is_empty() => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', _) => read.extend(chars.next()),
            _ => read.push(c),
        }
    }
    read.trim_end_matches([' ', '\t']).to_owned()
}

proptest! {
    /// Docker takes a value as it is.
    #[test]
    fn a_value_that_is_taken_means_the_same_to_systemd_and_docker(value in "[ -~\t]{0,12}") {
        if not_writable(&value).is_none() {
            prop_assert_eq!(by_systemd(&value), value);
        }
    }
}
