//! Finds the test servers that `make tools` fetched, and free ports and names for them.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use rand::RngExt;

/// Below the range that Linux gives to outgoing connections (from 32,768): no such connection takes
/// the port of a server that is down for a short time.
const PORTS: Range<u16> = 15_000..32_000;
const PORT_TRIES: u32 = 1_000;

/// The Kafka home that `make tools` made.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn kafka_home() -> Result<PathBuf> {
    tool("kafka-4.1.0", "bin/kafka-server-start.sh")
}

/// The folder of SecantusDB, a server that speaks MongoDB's wire protocol.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn secantusdb_home() -> Result<PathBuf> {
    tool("secantusdb", "bin/secantusd")
}

/// The folder of Schemathesis, which tries an API by its OpenAPI document.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn schemathesis_home() -> Result<PathBuf> {
    tool("schemathesis", "bin/schemathesis")
}

/// The program podman-compose, which reads compose files.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn podman_compose() -> Result<PathBuf> {
    let program = "bin/podman-compose";
    tool("podman-compose", program).map(|home| home.join(program))
}

/// The script axe-core, which finds in a page what keeps people from using it.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn axe_core() -> Result<PathBuf> {
    let script = "axe.min.js";
    tool("axe-core", script).map(|home| home.join(script))
}

/// The program nginx.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn nginx() -> Result<PathBuf> {
    let program = "usr/sbin/nginx";
    tool("nginx", program).map(|home| home.join(program))
}

/// A program of Prometheus: `prometheus` or `promtool`.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn prometheus(program: &str) -> Result<PathBuf> {
    let program = format!("usr/bin/{program}");
    tool("prometheus", &program).map(|home| home.join(program))
}

/// A program that checks manifests by schemas: `kubernetes-validate` or `keda-validate`.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn kubernetes(program: &str) -> Result<PathBuf> {
    let program = format!("bin/{program}");
    tool("kubernetes", &program).map(|home| home.join(program))
}

/// The folder of the programs that benchmarks compare linkrelay with. `make tools` does not fetch
/// them.
///
/// # Errors
/// If it is missing, with the command that fetches it.
pub fn peers_home() -> Result<PathBuf> {
    tool("peers", ".installed").context("scripts/tools.sh peers fetches them")
}

/// A port on 127.0.0.1 that was free a moment ago, each one given once in this process.
///
/// # Errors
/// If a thousand tries found none.
pub fn free_port() -> Result<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    for _ in 0..PORT_TRIES {
        let port = rand::rng().random_range(PORTS);
        let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        // A set of numbers is consistent even after a panic.
        if is_free && GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(port);
        }
    }
    bail!("no free port in {PORTS:?} after {PORT_TRIES} tries")
}

/// A name that no other call returns, in this process or (except by chance) in another.
pub fn fresh_name(prefix: &str) -> String {
    format!("{prefix}-{:012x}", rand::rng().random::<u64>() >> 16)
}

fn tool(folder: &str, command: &str) -> Result<PathBuf> {
    let home = tools_folder().join(folder);
    if !home.join(command).is_file() {
        bail!("{} is missing: run `make tools`", home.join(command).display());
    }
    Ok(home)
}

fn tools_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    std::env::var_os("LINKRELAY_TOOLS").map_or_else(
        || workspace.unwrap_or_else(|| Path::new("..")).join("target/tools"),
        PathBuf::from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<u16> = (0..100).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 100);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    #[test]
    fn names_differ_and_are_legal_everywhere() {
        let (one, other) = (fresh_name("links"), fresh_name("links"));
        assert_ne!(one, other);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{one}");
    }
}
