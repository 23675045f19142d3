//! Which process a row is of.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ProcessRole;

/// The roles that this process has begun, which may be several of one kind.
static ROLES_COUNT: AtomicU32 = AtomicU32::new(0);

/// One role of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// What it is.
    pub role: ProcessRole,
    /// Its name: `KAFKA_GROUP_INSTANCE_ID`, or one that no other role has.
    pub instance: String,
    /// Its version of linkrelay.
    pub version: String,
    /// The machine or container.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
}

impl ProcessIdentity {
    /// Makes the identity of a role that starts now. A static member of the group has a name that
    /// outlives its process.
    pub fn new(role: ProcessRole, instance: Option<String>) -> Self {
        let (host, pid, started_at) = (host(), std::process::id(), Timestamp::now());
        let number = ROLES_COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = || format!("{host}:{pid}:{}:{number}", started_at.as_millisecond());
        Self {
            role,
            instance: instance.unwrap_or_else(unique),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host,
            pid,
            started_at,
        }
    }

    pub(crate) fn key(&self) -> String {
        format!("{}:{}", self.role.as_str(), self.instance)
    }
}

/// Returns the name of the machine, or in a container that of the container.
fn host() -> String {
    let of_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "unknown".to_owned() } else { name.trim().to_owned() }
}
