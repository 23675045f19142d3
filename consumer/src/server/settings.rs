//! How many links the extractor server takes concurrently, and how long they may take.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use linkrelay_common::SettingsError;
use linkrelay_http::MetricsSettings;
use linkrelay_http::browser::AllowedHosts;
use linkrelay_http::client::ConnectionSettings;
use linkrelay_http::intake::IntakeSettings;
use linkrelay_http::keys::{Access, KeySettings};
use tokio::sync::Semaphore;

const MIN_TIMEOUT: Duration = Duration::from_millis(500);

/// What `POST /links` may cost.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PostLinksSettings {
    /// Links of `POST /links` for which YouTube is asked concurrently
    #[arg(long, env = "POST_LINKS_IN_FLIGHT", default_value_t = 64)]
    pub post_links_in_flight: usize,

    /// Links of `POST /links` that wait for a permit; with more, requests are answered 503 immediately
    #[arg(long, env = "POST_LINKS_WAITING", default_value_t = 256)]
    pub post_links_waiting: usize,

    /// How long a request of `POST /links` may take (a producer that forwards one may set less)
    #[arg(long, env = "POST_LINKS_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration)]
    pub post_links_timeout: Duration,
}

impl Default for PostLinksSettings {
    fn default() -> Self {
        Self {
            post_links_in_flight: 64,
            post_links_waiting: 256,
            post_links_timeout: Duration::from_secs(30),
        }
    }
}

/// The consumer's HTTP address, and what is taken there.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where it listens (port 0: any free one).
    pub http_addr: SocketAddr,
    /// The setting that gives it, for errors.
    pub addr_setting: &'static str,
    /// What clients may send.
    pub intake: IntakeSettings,
    /// How many connections one address may have.
    pub connections: ConnectionSettings,
    /// What `POST /links` may cost.
    pub post_links: PostLinksSettings,
    /// Who may use `POST /links`.
    pub keys: KeySettings,
    /// Where metrics are served.
    pub metrics: MetricsSettings,
}

impl ServerSettings {
    /// Checks that the limits let requests through.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.intake.validate()?;
        let PostLinksSettings { post_links_in_flight, post_links_waiting, post_links_timeout } =
            self.post_links;
        if post_links_in_flight == 0 {
            return Err(SettingsError::new("POST_LINKS_IN_FLIGHT", "must be at least 1"));
        }
        // The most that one `acquire_many` can take.
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let is_countable = post_links_in_flight
            .checked_add(post_links_waiting)
            .is_some_and(|capacity| capacity <= most);
        if !is_countable {
            return Err(SettingsError::new("POST_LINKS_WAITING", "is too large a number"));
        }
        if post_links_timeout < MIN_TIMEOUT {
            let problem = format!("must be at least {MIN_TIMEOUT:?}");
            return Err(SettingsError::new("POST_LINKS_TIMEOUT", problem));
        }
        Ok(())
    }

    /// A setting of who may come in that changes nothing is a misunderstanding. Names that another
    /// role of the same process checks are none.
    pub(crate) fn log_without_effect(&self, access: Option<&Access>) {
        let (addr, hosts) = (self.http_addr, &self.intake.allowed_hosts);
        let reason = match access {
            Some(Access::Everyone) => hosts.without_effect(false),
            Some(Access::Keys(_)) | None => (*hosts != AllowedHosts::default())
                .then_some("an extractor server that not everyone may use is asked by any name"),
        };
        if let Some(reason) = reason.filter(|_| self.addr_setting == "HTTP_ADDR") {
            tracing::warn!(%addr, "ALLOWED_HOSTS has no effect on {addr}: {reason}");
        }
        if let Some(reason) = self.connections.trusted_proxies.without_effect(addr.ip()) {
            tracing::warn!(%addr, "TRUSTED_PROXIES has no effect on {addr}: {reason}");
        }
    }
}
