//! A node before it runs: its folder, its settings and its formatted storage.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::START_LIMIT;
use crate::process::{Process, ProcessBuilder};
use crate::tools::kafka_home;

/// The parts of a node that outlive its process.
#[derive(Debug)]
pub(super) struct Node {
    name: &'static str,
    pub(super) home: PathBuf,
    pub(super) port: u16,
    pub(super) folder: TempDir,
}

impl Node {
    /// Makes the folder with the settings that `text` writes for it, and formats the storage.
    pub(super) async fn prepare(
        name: &'static str,
        port: u16,
        text: impl FnOnce(&Path) -> String,
        format_arguments: &[&str],
    ) -> Result<Self> {
        let home = kafka_home()?;
        let folder = tempfile::Builder::new().prefix("linkrelay-kafka-").tempdir()?;
        let node = Self { name, home, port, folder };
        std::fs::write(node.properties_path(), text(node.folder.path()))?;
        node.format_storage(format_arguments).await?;
        Ok(node)
    }

    pub(super) fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub(super) fn spawn(&self) -> Result<Process> {
        ProcessBuilder::new(self.name, self.home.join("bin/kafka-server-start.sh"))
            .arg(self.properties_path())
            .env_remove("KAFKA_OPTS")
            .log_dir(self.folder.path())
            .remove_if_orphaned(self.folder.path())
            .spawn()
    }

    async fn format_storage(&self, arguments: &[&str]) -> Result<()> {
        // Any 16 bytes in base64 are a cluster id.
        let mut format = ProcessBuilder::new("format", self.home.join("bin/kafka-storage.sh"))
            .args(["format", "--cluster-id", "linkrelay-testkit-node"])
            .args(arguments)
            .arg("--config")
            .arg(self.properties_path())
            .log_dir(self.folder.path())
            .spawn()?;
        let status = format.wait(START_LIMIT).await?;
        ensure!(status.success(), "formatting Kafka's storage\n{}", format.log_tail());
        Ok(())
    }

    fn properties_path(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }
}
