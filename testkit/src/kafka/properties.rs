//! The broker's `server.properties`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The settings of a single node, which keep tests quick: no wait for more members of a group,
/// sessions as short as a client asks for, few internal partitions, little memory.
const SETTINGS: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("controller.listener.names", "CONTROLLER"),
    ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
    // Tests create their topics: a test of a missing topic must find it missing.
    ("auto.create.topics.enable", "false"),
    ("offsets.topic.replication.factor", "1"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("transaction.state.log.num.partitions", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("share.coordinator.state.topic.num.partitions", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "500"),
    // For the `consumer` protocol (KIP-848), where the broker decides instead of the members.
    ("group.consumer.min.session.timeout.ms", "500"),
    ("group.consumer.session.timeout.ms", "6000"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.heartbeat.interval.ms", "500"),
    // A broker that was killed may register again only when its old session is over.
    ("broker.session.timeout.ms", "3000"),
    ("broker.heartbeat.interval.ms", "500"),
    ("log.cleaner.dedupe.buffer.size", "4194304"),
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
];

/// Where a node has its records, relative to its folder.
pub(super) const DATA: &str = "data";

/// The file's text for a broker with its data in `folder`. The settings in `over` win; `{}` in them
/// is replaced by the value that they override.
pub(super) fn text(
    folder: &Path,
    port: u16,
    controller_port: u16,
    over: &[(&str, &str)],
) -> String {
    let listener = format!("PLAINTEXT://127.0.0.1:{port}");
    let controller = format!("127.0.0.1:{controller_port}");
    let listeners = format!("{listener},CONTROLLER://{controller}");
    let data = folder.join(DATA).display().to_string();
    let mut settings: BTreeMap<&str, String> =
        SETTINGS.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    settings.insert("listeners", listeners);
    settings.insert("advertised.listeners", listener);
    settings.insert("controller.quorum.bootstrap.servers", controller);
    settings.insert("log.dirs", data);
    for (key, value) in over {
        let own = settings.get(key).cloned().unwrap_or_default();
        settings.insert(key, value.replace("{}", &own));
    }
    settings.iter().fold(String::new(), |mut text, (key, value)| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{key}={value}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_test_win_and_occur_once() {
        let over = [
            ("node.id", "1"),
            ("message.max.bytes", "1000"),
            ("advertised.listeners", "{},A://a:1"),
        ];
        let text = text(Path::new("/tmp/x"), 1, 2, &over);
        assert_eq!(text.matches("node.id=").count(), 1);
        assert!(text.contains("message.max.bytes=1000\n"), "{text}");
        assert!(text.contains("listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n"));
        assert!(text.contains("advertised.listeners=PLAINTEXT://127.0.0.1:1,A://a:1\n"), "{text}");
        assert!(text.contains("log.dirs=/tmp/x/data\n"), "{text}");
    }
}
