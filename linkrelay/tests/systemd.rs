//! The units and the file of settings in `deploy/systemd`, checked with systemd's own programs. No
//! service manager runs here: what the roles report to one is tested in `relay/service_manager.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use linkrelay_common::config::ConfigFile;
use linkrelay_testkit::process::workspace_binary;

const UNITS: [&str; 3] =
    ["linkrelay.service", "linkrelay-producer.service", "linkrelay-consumer@.service"];
/// What `systemd-analyze security` may count, in tenths; from 20 on it says that a unit is exposed.
const MAX_EXPOSURE: &str = "15";
/// Reads files of `environment.d` by the parser of `EnvironmentFile=`, and prints them for a shell.
const ENVIRONMENT_GENERATOR: &str =
    "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
/// What a stop takes after DRAIN_TIMEOUT (`linkrelay_common::service_manager`).
const BEYOND_DRAIN: Duration = Duration::from_secs(30);

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy/systemd").join(file)
}

fn unit(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap()
}

/// The values of a key of a unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.collect()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether systemd's programs are here. Without them a test says so; with `CI=true` it fails.
fn has_systemd() -> bool {
    let has = Command::new("systemd-analyze").arg("--version").output().is_ok();
    let is_needed = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(has || !is_needed, "systemd-analyze is missing (Debian's package systemd)");
    if !has {
        eprintln!("NOT CHECKED: systemd-analyze is missing (Debian's package systemd)");
    }
    has
}

/// The unit with the programs of this build, as an instance if it is a template.
fn with_built_programs(name: &str, folder: &Path) -> PathBuf {
    let programs = workspace_binary("linkrelay").unwrap();
    let programs = programs.parent().unwrap().display().to_string();
    let path = folder.join(name.replace("@.", "@5000."));
    std::fs::write(&path, unit(name).replace("/usr/local/bin", &programs)).unwrap();
    path
}

#[test]
fn systemd_takes_the_units_and_finds_little_exposed() {
    if !has_systemd() {
        return;
    }
    for name in UNITS {
        let folder = tempfile::tempdir().unwrap();
        let path = with_built_programs(name, folder.path());
        let verified = run(Command::new("systemd-analyze").arg("verify").arg(&path));
        assert!(verified.status.success() && said(&verified).is_empty(), "{}", said(&verified));
        let exposed = run(Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold", MAX_EXPOSURE])
            .arg(&path));
        assert!(exposed.status.success(), "{}", said(&exposed));
    }
}

#[test]
fn a_mistake_in_a_unit_is_found() {
    if !has_systemd() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = with_built_programs(UNITS[0], folder.path());
    let wrong = std::fs::read_to_string(&path).unwrap().replace("TimeoutStopSec", "TimeoutStop");
    std::fs::write(&path, wrong).unwrap();
    let verified = run(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert!(said(&verified).contains("TimeoutStop"), "{}", said(&verified));
}

#[test]
fn a_role_takes_the_command_line_of_its_unit() {
    for (name, role) in UNITS.into_iter().zip(["up", "producer", "consumer"]) {
        let unit = unit(name);
        let [exec] = values(&unit, "ExecStart")[..] else { panic!("{unit}") };
        let installed = "--config /etc/linkrelay/linkrelay.env";
        let (program, flags) = exec.split_once(installed).unwrap();
        let program = program.trim().strip_prefix("/usr/local/bin/").unwrap();
        let expected = if role == "up" { "linkrelay up" } else { &format!("linkrelay-{role}") };
        assert_eq!(program, expected);
        let flags = flags.replace("%i", "5000");
        let mut command = Command::new(workspace_binary("linkrelay").unwrap());
        command.env_clear().args(["config", "print", "--config"]).arg(deploy("linkrelay.env"));
        let printed = run(command.args([role, "--"]).args(flags.split_whitespace()));
        assert!(printed.status.success(), "{}", said(&printed));
        assert!(said(&printed).contains("linkrelay.env:"), "{}", said(&printed));
    }
}

#[test]
fn systemd_waits_longer_than_a_stop_takes() {
    let file = ConfigFile::read(&deploy("linkrelay.env")).unwrap();
    let (_, drain) = file.values().find(|(name, _)| *name == "DRAIN_TIMEOUT").unwrap();
    let drain = humantime::parse_duration(drain).unwrap();
    for name in UNITS {
        let unit = unit(name);
        let [stop] = values(&unit, "TimeoutStopSec")[..] else { panic!("{unit}") };
        let stop = humantime::parse_duration(stop).unwrap();
        // In one process the consumers drain after the producer.
        let drains = if name == "linkrelay.service" { 2 } else { 1 };
        assert!(stop >= drain * drains + BEYOND_DRAIN, "{name}: {stop:?}");
    }
}

type Settings = BTreeMap<String, String>;

/// Docker's rules (`--env-file`): comments and empty lines aside, all after `=` is the value.
fn by_docker(text: &str) -> Settings {
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let setting = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    lines.map(setting).collect()
}

/// By systemd's parser, whose program prints the values for a shell.
fn by_systemd(text: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("environment.d");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("linkrelay.conf"), text).unwrap();
    let script = format!("set -a; eval \"$({ENVIRONMENT_GENERATOR})\"; exec env -0");
    let mut shell = Command::new("/bin/sh");
    let env = shell.args(["-c", &script]).env_clear().env("XDG_CONFIG_HOME", folder.path());
    let printed = String::from_utf8(run(env.env("HOME", folder.path())).stdout).unwrap();
    let settings = printed.split('\0').filter_map(|setting| setting.split_once('='));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn by_linkrelay(text: &str) -> Result<Settings, Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let file = ConfigFile::read(file.path())?;
    let setting = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(file.values().map(setting).collect())
}

fn all_read_alike(text: &str) {
    let own = by_linkrelay(text).unwrap();
    assert!(!own.is_empty());
    assert_eq!(by_docker(text), own);
    if !has_systemd() {
        return;
    }
    let of_systemd = by_systemd(text);
    for (name, value) in own {
        assert_eq!(of_systemd.get(&name), Some(&value), "{name}");
    }
}

#[test]
fn the_file_of_settings_means_the_same_to_linkrelay_docker_and_systemd() {
    let text = std::fs::read_to_string(deploy("linkrelay.env")).unwrap();
    all_read_alike(&text);
    // With everything that is commented out.
    let complete = text.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_uppercase()) => setting,
        _ => line,
    });
    all_read_alike(&complete.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_line_that_linkrelay_takes_means_the_same_to_the_others() {
    // Without a tab, $ and an empty value, with which the generator itself does something.
    all_read_alike("A=a  b;c\n  B=a\"b'c\n\tC==;#!&|<>()*?[]{}~`%^\nE=ü 열\r\nF=x\"\n_1=a=b");
    // And these, which it refuses, do not.
    for line in ["A=\"a\"", "A='a'", "A=a\\b", "A=a\\", "A=a ", "A= a", "A=a\\\nB=b"] {
        assert!(by_linkrelay(line).is_err(), "{line}");
        if has_systemd() {
            assert_ne!(by_systemd(line).get("A"), by_docker(line).get("A"), "{line}");
        }
    }
}

#[test]
fn the_example_of_all_settings_is_such_a_file() {
    let example = deploy("../../.env.example");
    let text = std::fs::read_to_string(example).unwrap();
    let is_setting = |line: &&str| {
        line.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
    };
    let settings = text.lines().filter_map(|line| line.strip_prefix('#')).filter(is_setting);
    let settings = settings.collect::<Vec<_>>().join("\n");
    assert!(by_linkrelay(&settings).unwrap().len() > 100);
    by_linkrelay(&text).unwrap();
}
