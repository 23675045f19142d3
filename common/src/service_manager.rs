//! What the process reports to systemd, or to another service manager with the same protocol
//! (`sd_notify`): that it serves, that it is alive, and that it is about to stop.
//!
//! Without `NOTIFY_SOCKET` in the environment, nothing happens. A datagram is sent here rather than by
//! the crate `sd-notify`, which blocks a thread, and with it the end of the process, while the manager
//! reads nothing, and which knows no abstract socket.
//!
//! It must not know: what the roles of the process do. Their [`Health`] says when they serve, and
//! whether they make progress.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdUnixDatagram};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// The time for the last steps after a drain: the store, the group, traces.
const BEYOND_DRAIN: Duration = Duration::from_secs(30);
/// How long the service manager may take to read the messages before this one.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The reports of this process; owned by `main`.
#[derive(Debug)]
pub struct ServiceManager {
    reports: Option<JoinHandle<()>>,
    end: CancellationToken,
}

impl ServiceManager {
    /// Begins to report, within a runtime: `READY=1` once all of `roles` serve, `WATCHDOG=1` twice in
    /// each interval that the service manager asks for while all of them are alive, and `STOPPING=1`
    /// when `stop` is cancelled, with the time that a stop may take: `drain_timeout` and a little more.
    pub fn start(roles: Vec<Health>, stop: CancellationToken, drain_timeout: Duration) -> Self {
        let end = CancellationToken::new();
        let socket = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty());
        let reports = socket.map(|socket| {
            let stop_timeout = drain_timeout + BEYOND_DRAIN;
            let reports = Reports { socket, roles, stop, stop_timeout };
            let end = end.clone();
            tokio::spawn(async move {
                end.run_until_cancelled(reports.run(watchdog_limit())).await;
            })
        });
        Self { reports, end }
    }

    /// Ends the reports, after the roles have ended.
    pub async fn end(self) {
        self.end.cancel();
        if let Some(reports) = self.reports {
            // A panic in it was logged, and nothing is left to report.
            reports.await.ok();
        }
    }
}

struct Reports {
    socket: OsString,
    roles: Vec<Health>,
    stop: CancellationToken,
    stop_timeout: Duration,
}

impl Reports {
    async fn run(self, watchdog: Option<Duration>) {
        let serving = async {
            for role in &self.roles {
                role.until_serving().await;
            }
        };
        if self.stop.run_until_cancelled(serving).await.is_some() {
            self.notify("READY=1").await;
        }
        let watching = async {
            match watchdog {
                Some(limit) => self.watch(limit).await,
                None => std::future::pending().await,
            }
        };
        let stopping = async {
            self.stop.cancelled().await;
            let stop_timeout = self.stop_timeout.as_micros();
            self.notify(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={stop_timeout}")).await;
        };
        tokio::join!(watching, stopping);
    }

    async fn notify(&self, message: &str) {
        if let Err(error) = send(&self.socket, message).await {
            tracing::warn!(message, "the service manager cannot be notified: {error}");
        }
    }

    async fn watch(&self, limit: Duration) {
        let mut ticks = interval((limit / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_alive = true;
        loop {
            ticks.tick().await;
            let is_alive = self.roles.iter().all(Health::is_alive);
            if is_alive {
                self.notify("WATCHDOG=1").await;
            } else if was_alive {
                tracing::error!(
                    limit_seconds = limit.as_secs_f64(),
                    "the process makes no progress, so it no longer reports to the service manager, \
                     which will restart it"
                );
            }
            was_alive = is_alive;
        }
    }
}

/// Returns within which time the service manager expects the report that this process is alive.
fn watchdog_limit() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    // The variables may be those of a parent process.
    let is_for_this = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let limit = number("WATCHDOG_USEC").filter(|limit| *limit > 0 && is_for_this)?;
    Some(Duration::from_micros(limit))
}

/// Sends a datagram to the socket at a path, or to an abstract one, whose name begins with `@`.
async fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let sender = StdUnixDatagram::unbound()?;
    sender.connect_addr(&address(socket)?)?;
    sender.set_nonblocking(true)?;
    let sender = UnixDatagram::from_std(sender)?;
    timeout(SEND_TIMEOUT, sender.send(message.as_bytes())).await??;
    Ok(())
}

/// Returns the address of a socket; only Linux has abstract ones.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;

        if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
            return SocketAddr::from_abstract_name(name);
        }
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt as _;

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_message_reaches_a_socket_at_a_path_and_an_abstract_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").into_os_string();
        let name = format!("linkrelay-test-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (address, socket) in [
            (SocketAddr::from_pathname(&path).unwrap(), path),
            (abstract_address, format!("@{name}").into()),
        ] {
            let manager = StdUnixDatagram::bind_addr(&address).unwrap();
            send(&socket, "READY=1").await.unwrap();
            let mut message = [0; 64];
            let length = manager.recv(&mut message).unwrap();
            assert_eq!(&message[..length], b"READY=1");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_manager_that_reads_nothing_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").into_os_string();
        let manager = StdUnixDatagram::bind(&path).unwrap();
        let refused = async { while send(&path, "WATCHDOG=1").await.is_ok() {} };
        timeout(SEND_TIMEOUT * 2, refused).await.unwrap();
        drop(manager);
    }
}
