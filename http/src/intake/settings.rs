//! Settings that limit how much a client may send, and how slowly.

use std::time::Duration;

use clap::Args;

use linkrelay_common::settings::SettingsError;

use crate::browser::AllowedHosts;

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// Limits on what clients send.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct IntakeSettings {
    /// How long a request's header may take to arrive
    #[arg(long, env = "HEADER_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub header_read_timeout: Duration,

    /// How long a connection may wait for its next request; longer than a load balancer before it
    /// waits, which is 60s for most. Also how long a client may take nothing of its answer
    #[arg(long, env = "KEEP_ALIVE_TIMEOUT", default_value = "75s", value_parser = humantime::parse_duration)]
    pub keep_alive_timeout: Duration,

    /// How long a request's body may take to arrive
    #[arg(long, env = "BODY_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub body_read_timeout: Duration,

    /// The largest request body, in bytes
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 1_048_576)]
    pub max_body_bytes: usize,

    /// The most links in one request
    #[arg(long, env = "MAX_LINKS_PER_REQUEST", default_value_t = 1_000)]
    pub max_links_per_request: usize,

    /// The most requests in flight; any more are answered 503 immediately (health is exempt)
    #[arg(long, env = "MAX_CONCURRENT_REQUESTS", default_value_t = 1_000)]
    pub max_concurrent_requests: usize,

    /// The part of all slots (requests in flight, bodies that are still arriving, waiting requests,
    /// event streams, exports) that one client may have, in percent
    #[arg(long, env = "CLIENT_SLOTS_PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub client_slots_percent: u8,

    /// The names by which this server may be asked for, separated by commas, beside localhost and
    /// IP addresses; *.example.org, or * for every name. Without it, other names are refused only by
    /// a server that needs no keys; an extractor server with keys takes every name
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "")]
    pub allowed_hosts: AllowedHosts,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self {
            header_read_timeout: TEN_SECONDS,
            keep_alive_timeout: Duration::from_secs(75),
            body_read_timeout: TEN_SECONDS,
            max_body_bytes: 1_048_576,
            max_links_per_request: 1_000,
            max_concurrent_requests: 1_000,
            client_slots_percent: 50,
            allowed_hosts: AllowedHosts::default(),
        }
    }
}

impl IntakeSettings {
    /// Checks the limits.
    ///
    /// # Errors
    /// Fails if a limit would refuse every request, and names the setting.
    pub fn validate(&self) -> Result<(), SettingsError> {
        for (setting, is_zero) in [
            ("HEADER_READ_TIMEOUT", self.header_read_timeout.is_zero()),
            ("KEEP_ALIVE_TIMEOUT", self.keep_alive_timeout.is_zero()),
            ("BODY_READ_TIMEOUT", self.body_read_timeout.is_zero()),
            ("MAX_BODY_BYTES", self.max_body_bytes == 0),
            ("MAX_LINKS_PER_REQUEST", self.max_links_per_request == 0),
            ("MAX_CONCURRENT_REQUESTS", self.max_concurrent_requests == 0),
        ] {
            if is_zero {
                return Err(SettingsError::new(setting, "must not be 0"));
            }
        }
        if self.max_concurrent_requests > tokio::sync::Semaphore::MAX_PERMITS {
            return Err(SettingsError::new("MAX_CONCURRENT_REQUESTS", "is too large a number"));
        }
        Ok(())
    }
}
