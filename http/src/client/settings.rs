//! The settings of what one client may have.

use std::num::NonZeroU32;

use clap::{ArgAction, Args};
use linkrelay_common::settings::SettingsError;

use super::proxies::TrustedProxies;
use super::rates::{Rate, RateLimits};

/// What one address may have on every server that takes links.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ConnectionSettings {
    /// The addresses or networks of your proxies, separated by commas: only their X-Forwarded-For
    /// or Forwarded says who a client is
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "")]
    pub trusted_proxies: TrustedProxies,

    /// The connections that one address may have; any more are closed before HTTP is read. A
    /// trusted proxy may have any number. 0: any number
    #[arg(long, env = "CLIENT_CONNECTIONS", default_value_t = 512)]
    pub client_connections: usize,

    /// Whether clients on the same machine (127.0.0.0/8, ::1) have these limits as well; without
    /// it, only CLIENT_SLOTS_PERCENT counts for their bodies. What comes through a trusted proxy
    /// always has them
    #[arg(long, env = "LIMIT_LOOPBACK_CLIENTS", default_value_t = false, action = ArgAction::Set)]
    pub limit_loopback_clients: bool,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            trusted_proxies: TrustedProxies::default(),
            client_connections: 512,
            limit_loopback_clients: false,
        }
    }
}

/// What one client may have; a client is an API key, otherwise an address (of IPv6 a /64).
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ClientSettings {
    /// What one address may have.
    #[command(flatten)]
    pub connections: ConnectionSettings,

    /// The requests that one client may send a second; any more are answered 429. 0: any number
    #[arg(long, env = "CLIENT_REQUESTS_PER_SECOND", default_value_t = 200)]
    pub client_requests_per_second: u32,

    /// The requests that one client may send at once
    #[arg(long, env = "CLIENT_REQUESTS_BURST", default_value_t = 1_000)]
    pub client_requests_burst: u32,

    /// The links that one client may send a second; a request with any more is answered 429. 0:
    /// any number
    #[arg(long, env = "CLIENT_LINKS_PER_SECOND", default_value_t = 500)]
    pub client_links_per_second: u32,

    /// The links that one client may send at once: at least MAX_LINKS_PER_REQUEST
    #[arg(long, env = "CLIENT_LINKS_BURST", default_value_t = 10_000)]
    pub client_links_burst: u32,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connections: ConnectionSettings::default(),
            client_requests_per_second: 200,
            client_requests_burst: 1_000,
            client_links_per_second: 500,
            client_links_burst: 10_000,
        }
    }
}

impl ClientSettings {
    /// Checks that each request that the other limits allow can be sent.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable.
    pub fn validate(&self, max_links_per_request: usize) -> Result<(), SettingsError> {
        if self.client_requests_burst == 0 {
            return Err(SettingsError::new("CLIENT_REQUESTS_BURST", "must not be 0"));
        }
        let burst = usize::try_from(self.client_links_burst).unwrap_or(usize::MAX);
        if burst < max_links_per_request {
            let problem = format!(
                "must be at least MAX_LINKS_PER_REQUEST ({max_links_per_request}), or a request \
                 with that number of links could never be sent"
            );
            return Err(SettingsError::new("CLIENT_LINKS_BURST", problem));
        }
        Ok(())
    }

    pub(super) fn rates(&self) -> RateLimits {
        let rate = |per_second, burst| {
            let (per_second, burst) = (NonZeroU32::new(per_second)?, NonZeroU32::new(burst)?);
            Some(Rate { per_second, burst })
        };
        RateLimits {
            requests: rate(self.client_requests_per_second, self.client_requests_burst),
            links: rate(self.client_links_per_second, self.client_links_burst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_has_room_for_a_request() {
        let settings = ClientSettings::default();
        assert_eq!(settings.validate(10_000), Ok(()));
        assert_eq!(settings.validate(10_001).unwrap_err().setting, "CLIENT_LINKS_BURST");
        let settings = ClientSettings { client_requests_burst: 0, ..settings };
        assert_eq!(settings.validate(1).unwrap_err().setting, "CLIENT_REQUESTS_BURST");
    }
}
