use std::collections::BTreeMap;
use std::process::Command;

use crate::helpers::{binary, run};

const PROGRAMS: [&str; 3] = ["linkrelay-producer", "linkrelay-consumer", "linkrelay"];
const LINK: &str = "https://www.youtube.com/watch?v=5fR9AHlSDtc";

/// A role, or a command of `linkrelay`, as its help describes it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) program: &'static str,
    pub(crate) words: Vec<String>,
    /// The variables of its settings, and whether the help hides their values.
    pub(crate) settings: BTreeMap<String, bool>,
}

impl Entry {
    /// Every role and every command; groups of commands are not among them.
    pub(crate) fn all() -> Vec<Self> {
        PROGRAMS.iter().flat_map(|program| below(program, &[])).collect()
    }

    pub(crate) fn name(&self) -> String {
        [&[self.program.to_owned()], &self.words[..]].concat().join(" ")
    }

    /// Whether it runs until it is stopped.
    pub(crate) fn is_role(&self) -> bool {
        self.words.is_empty() || self.words == ["up"]
    }

    /// The variables of its secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().filter(|(_, is_hidden)| **is_hidden).map(|(name, _)| name.as_str())
    }

    pub(crate) fn help(&self) -> Command {
        let mut command = Command::new(binary(self.program));
        command.args(&self.words).arg("--help");
        command
    }

    /// With the arguments that let it do its work. A new command needs a line here.
    pub(crate) fn command(&self, out: &str) -> Command {
        let (keys, backup) = (&format!("{out}.keys"), &format!("{out}.backup"));
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let arguments: &[&str] = match words[..] {
            []
            | ["rebuild-videos" | "migrate" | "lag" | "check" | "health"]
            | ["topics", _]
            | ["config", "print"]
            | ["dlq", "list"] => &[],
            ["dlq", "replay"] => &["--all"],
            ["up"] => &["--demo"],
            ["submit"] => &["--wait", LINK],
            ["status"] => &["0193a0f0-0000-7000-8000-000000000000-1"],
            ["search"] => &["video"],
            ["export"] => &["--format", "ndjson"],
            ["refresh"] => &["--older-than", "30d"],
            ["extract"] => &[LINK],
            ["completions"] => &["bash"],
            ["backup" | "restore"] => &[backup],
            ["man"] => &["--out", out],
            ["keys", "add"] => &["--file", keys, "--name", "site"],
            ["keys", "list"] => &["--file", keys],
            ["keys", "revoke"] => &["--file", keys, "0123"],
            _ => panic!("`{}` has no arguments here: how is it run?", self.name()),
        };
        let mut command = Command::new(binary(self.program));
        command.args(words).args(arguments);
        command
    }
}

fn below(program: &'static str, words: &[String]) -> Vec<Entry> {
    let mut entry = Entry { program, words: words.to_vec(), settings: BTreeMap::new() };
    let help = run(entry.help().env("COLUMNS", "10000")).done();
    let Some((_, commands)) = help.split_once("Commands:\n") else {
        entry.settings = settings(&help);
        return vec![entry];
    };
    let commands = commands.lines().take_while(|line| line.starts_with("  "));
    let commands = commands.filter_map(|line| line.split_whitespace().next());
    let commands = commands.filter(|name| *name != "help");
    commands.flat_map(|name| below(program, &[words, &[name.to_owned()]].concat())).collect()
}

/// `[env: NAME=value]`, or `[env: NAME]` if its value is hidden.
fn settings(help: &str) -> BTreeMap<String, bool> {
    let entries = help.split("[env: ").skip(1).filter_map(|rest| rest.split(']').next());
    let setting = |entry: &str| match entry.split_once('=') {
        Some((name, _)) => (name.to_owned(), false),
        None => (entry.to_owned(), true),
    };
    entries.map(setting).collect()
}
