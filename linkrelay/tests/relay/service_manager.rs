use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use linkrelay_testkit::site;
use linkrelay_testkit::wait::ok_if;
use rdkafka::types::RDKafkaApiKey;
use tempfile::TempDir;

use crate::helpers::{binary, nowhere, until};
use crate::progress::Mocked;
use crate::role::{Role, start_up};

/// 200 ms, in the unit of `WATCHDOG_USEC`.
const WATCHDOG: (&str, &str) = ("WATCHDOG_USEC", "200000");

/// A service manager's end of the protocol.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { folder, socket }
    }

    fn path(&self) -> String {
        self.folder.path().join("notify").display().to_string()
    }

    /// The next message, if there is one.
    fn next(&self) -> Option<String> {
        let mut message = [0; 1_024];
        match self.socket.recv(&mut message) {
            Ok(length) => Some(String::from_utf8(message[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn all(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    async fn until_next(&self) -> String {
        until("a message to the service manager", async || {
            self.next().ok_or_else(|| "none".to_owned())
        })
        .await
    }
}

/// A role that reaches no broker.
fn start(name: &str, data: &Path, manager: &Manager) -> Role {
    let role = site::Role::new(name, binary(name));
    let notify = ("NOTIFY_SOCKET", manager.path());
    if name == "linkrelay" {
        let env = [notify, (WATCHDOG.0, WATCHDOG.1.to_owned())];
        return start_up(role.map(|role| role.args(["up", "--consumers", "2"])), data, &env);
    }
    let env = [notify, ("KAFKA_BROKERS", nowhere()), ("DATA_DIR", data.display().to_string())];
    Role::start(role, &env, &[WATCHDOG])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_ready_when_it_listens_then_alive_and_then_stopping() {
    for (name, stop_seconds) in
        [("linkrelay-producer", 15 + 30), ("linkrelay-consumer", 10 + 30), ("linkrelay", 20 + 30)]
    {
        let (manager, data) = (Manager::new(), tempfile::tempdir().unwrap());
        let role = start(name, data.path(), &manager);
        assert_eq!(manager.until_next().await, "READY=1", "{name}");
        // It listens by now: one attempt has to do.
        assert_eq!(role.get("/health/live").await.0, 200, "{name}");
        for _ in 0..3 {
            assert_eq!(manager.until_next().await, "WATCHDOG=1", "{name}");
        }
        role.stop().await;
        let last: Vec<_> =
            manager.all().into_iter().filter(|message| message != "WATCHDOG=1").collect();
        let stopping = format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={stop_seconds}000000");
        assert_eq!(last, [stopping], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_makes_no_progress_reports_nothing_until_it_does() {
    let (manager, mocked) = (Manager::new(), Mocked::start().await);
    let path = manager.path();
    let settings = [
        ("UNREAD_WARN_AFTER", "500ms"),
        ("UNREAD_FAIL_AFTER", "2s"),
        ("NOTIFY_SOCKET", path.as_str()),
        WATCHDOG,
    ];
    let consumer = mocked.consumer(&settings).ready().await;
    mocked.publish(0..1).await;
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    mocked.refuse_fetches();
    mocked.publish(1..3).await;
    let says = "it no longer reports to the service manager";
    until("a standstill", async || {
        drop(manager.all());
        ok_if(consumer.log().contains(says), consumer.log())
    })
    .await;
    drop(manager.all());
    let unread = unread_seconds(&consumer).await;
    // Ten times the interval in which a service manager would have restarted it.
    let later = unread + Duration::from_secs(2).as_secs_f64();
    until("more time without a read", async || {
        let unread = unread_seconds(&consumer).await;
        ok_if(unread > later, unread)
    })
    .await;
    assert_eq!(manager.all(), Vec::<String>::new());
    mocked.cluster.clear_request_errors(RDKafkaApiKey::Fetch);
    assert_eq!(manager.until_next().await, "WATCHDOG=1");
    consumer.stop().await;
}

async fn unread_seconds(consumer: &Role) -> f64 {
    let metrics = consumer.metrics().await;
    let values =
        metrics.lines().filter(|line| line.starts_with("linkrelay_partition_unread_seconds"));
    let values = values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.fold(0.0, f64::max)
}
