//! What the load goes through: linkrelay's own processes on real servers, as an operator would
//! start them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::{Role, Site};

use super::documents::Documents;
use crate::kafka::PARTITIONS;

/// Consumers that share the work through Kafka.
pub(crate) const CONSUMERS: usize = 2;

/// linkrelay's processes, for one path. Dropping them kills them.
#[derive(Debug)]
pub(crate) struct Relay<'a> {
    site: Site<&'a KafkaBroker>,
    /// The producer first.
    roles: Vec<Role>,
}

impl<'a> Relay<'a> {
    /// Starts linkrelay on a topic and a database of its own, with a YouTube that takes `latency`
    /// for each link, and waits until every process is ready.
    pub(crate) async fn start(broker: &'a KafkaBroker, latency: Duration) -> Result<Self> {
        let youtube = FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() };
        let site = Site::start(broker, MongoServer::shared().await?, youtube).await?;
        site.create_topics(PARTITIONS).await?;
        let consumer = |number| site.role(&format!("consumer-{number}"), "linkrelay-consumer");
        let consumers: Vec<Role> = (0..CONSUMERS).map(consumer).collect::<Result<_>>()?;
        let producer = site.role("producer", "linkrelay-producer")?;
        let mut roles = vec![producer.envs([("EXTRACTOR_URL", consumers[0].url())])];
        roles.extend(consumers);
        roles.iter_mut().try_for_each(Role::start)?;
        for role in &roles {
            role.until_ready().await?;
        }
        Ok(Self { site, roles })
    }

    /// Returns the address of the producer.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.roles[0].addr()
    }

    /// Returns the documents that linkrelay has stored.
    pub(crate) fn documents(&self) -> Documents<'_> {
        Documents(&self.site.documents)
    }

    /// Stops the processes, the producer first; what is in flight is finished.
    ///
    /// # Errors
    /// If a process does not exit with 0.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        for role in &mut self.roles {
            role.stop().await?;
        }
        Ok(())
    }

    /// Stops the fake YouTube, and removes the database.
    pub(crate) async fn remove(self) -> Result<()> {
        self.site.fake.stop().await;
        Ok(self.site.documents.client().database(&self.site.database).drop().await?)
    }
}
