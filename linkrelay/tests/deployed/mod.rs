//! The one rule for the environment of a role in any file of `deploy/` and in the compose file.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use linkrelay_testkit::process::workspace_binary;
use serde_json::Value;

/// Every variable is a setting of the role, with a value that it takes; no variable is a secret, but
/// a secret may be in a file. `role` is `producer`, `consumer` or `up`. Of `shared`, the variables of
/// all roles, some may be those of another role.
pub(crate) fn check_environment(
    role: &str,
    own: &BTreeMap<String, String>,
    shared: &BTreeMap<String, String>,
) {
    let settings = settings_of(role);
    for name in own.keys() {
        assert!(settings.contains(name), "{role}: {name} is not one of its settings");
    }
    let of_any: BTreeSet<String> =
        ["producer", "consumer", "up"].into_iter().flat_map(settings_of).collect();
    for name in shared.keys() {
        assert!(of_any.contains(name), "{name} is a setting of no role");
    }
    let files = shared.iter().chain(own).filter(|(name, _)| name.ends_with("_FILE"));
    let files: BTreeSet<&String> = files.map(|(name, _)| name).collect();
    let mut command = Command::new(workspace_binary("linkrelay").unwrap());
    command.env_clear().args(["config", "print", role, "--json"]);
    // The files are on another machine.
    let values = shared.iter().chain(own).filter(|(name, _)| !files.contains(name));
    let printed = command.envs(values).output().unwrap();
    assert!(printed.status.success(), "{role}: {}", String::from_utf8_lossy(&printed.stderr));
}

/// The settings of a role; a secret also has the setting of its file.
pub(crate) fn settings_of(role: &str) -> BTreeSet<String> {
    let mut command = Command::new(workspace_binary("linkrelay").unwrap());
    let printed = command.env_clear().args(["config", "print", role, "--json"]).output().unwrap();
    let settings: Vec<Value> = serde_json::from_slice(&printed.stdout).unwrap();
    let names = settings.iter().flat_map(|setting| {
        let name = setting["name"].as_str().unwrap().to_owned();
        let has_file = setting["secret"] == true && !name.ends_with("_FILE");
        let file = has_file.then(|| format!("{name}_FILE"));
        [Some(name), file].into_iter().flatten()
    });
    names.collect()
}
