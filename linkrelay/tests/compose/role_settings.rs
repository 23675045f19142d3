//! Which names of an environment are settings of a role: any other name in a manifest sets nothing,
//! and no program says so.

use std::collections::BTreeSet;
use std::process::Command;

use linkrelay_testkit::process::workspace_binary;

/// What every program reads, and no help lists.
const OF_EVERY_PROGRAM: &str = "RUST_LOG";

/// The names that `role` (`linkrelay-producer`, `linkrelay-consumer`, or a command of `linkrelay`
/// such as `linkrelay up`) does not read, by its `--help`.
pub(crate) fn unknown_settings<'a>(
    role: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let known = settings(role);
    let is_known = |name: &&str| *name == OF_EVERY_PROGRAM || known.contains(*name);
    names.into_iter().filter(|name| !is_known(name)).collect()
}

/// The names of `[env: NAME=value]` and, for a secret, `[env: NAME]`.
fn settings(role: &str) -> BTreeSet<String> {
    let mut words = role.split(' ');
    let program = workspace_binary(words.next().unwrap()).unwrap();
    let output = Command::new(program).args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{role} --help");
    let help = String::from_utf8(output.stdout).unwrap();
    // A long line of the help is wrapped.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let names = help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn a_misspelt_setting_and_one_of_another_role_are_found() {
    let names = ["KAFKA_BROKERS", "KAFKA_BROKER", "RUST_LOG", "EXTRACTOR_URL", "MONGODB_URI_FILE"];
    assert_eq!(unknown_settings("linkrelay-producer", names), ["KAFKA_BROKER"]);
    assert_eq!(unknown_settings("linkrelay-consumer", names), ["KAFKA_BROKER", "EXTRACTOR_URL"]);
    assert_eq!(unknown_settings("linkrelay up", ["EXTRACTOR_ADDR", "EXTRACTOR_URL"]), [""; 0]);
}
