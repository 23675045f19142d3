//! Where the metrics of a process are served: beside health, or on an address of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::browser::{AllowedHosts, CorsOrigins};
use crate::health::metrics_route;
use crate::keys::Access;
use crate::layers::{self, Admission, Limits, Routes};
use crate::serve::{ListenError, ServeSettings, listen, serve};

/// The settings of metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct MetricsSettings {
    /// Where `/metrics` is served, `address:port`, instead of on the role's own address
    #[arg(long, env = "METRICS_ADDR")]
    pub metrics_addr: Option<SocketAddr>,

    /// Whether another role of the same process serves that address.
    #[arg(skip)]
    pub is_served_elsewhere: bool,
}

/// The address of metrics alone, bound and not yet served.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
    addr: SocketAddr,
}

impl MetricsSettings {
    /// Whether `/metrics` is a route of the role's own address.
    pub fn is_beside_health(&self) -> bool {
        self.metrics_addr.is_none()
    }

    /// Listens on the address of metrics, if there is one for this role.
    ///
    /// # Errors
    /// [`ListenError`] if the operating system refuses.
    pub async fn listen(&self) -> Result<Option<MetricsListener>, ListenError> {
        match self.metrics_addr.filter(|_| !self.is_served_elsewhere) {
            Some(addr) => {
                let listener = listen("METRICS_ADDR", addr).await?;
                Ok(Some(MetricsListener { listener, addr }))
            }
            None => Ok(None),
        }
    }
}

impl MetricsListener {
    /// Prometheus may ask by any name; on a loopback address only this machine's own lead here.
    fn hosts(&self) -> AllowedHosts {
        let is_local = self.addr.ip().to_canonical().is_loopback();
        if is_local { AllowedHosts::default() } else { AllowedHosts::any() }
    }

    /// Serves `/metrics` until `stop` is cancelled.
    pub async fn serve(self, settings: ServeSettings, stop: CancellationToken) {
        // No limit applies to the routes that are exempt.
        let limits =
            Limits { max_concurrent_requests: 1, request_timeout: settings.keep_alive_timeout };
        let routes = Routes { exempt: metrics_route().into(), ..Routes::default() };
        let admission = Admission {
            clients: Arc::clone(&settings.clients),
            hosts: self.hosts(),
            origins: CorsOrigins::default(),
            access: Access::Everyone,
        };
        let router = layers::stack(routes, limits, admission);
        serve(self.listener, router, settings, stop).await;
    }
}
