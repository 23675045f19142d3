//! The limits of all clients of a server, and what a request asks of them.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, header};

use super::id::{ClientId, Peer};
use super::proxies::TrustedProxies;
use super::rates::{Buckets, Left, RateLimits, Rates, rate_limit};
use super::refusal::{BODIES, CONNECTIONS, IN_FLIGHT, Refusal};
use super::settings::{ClientSettings, ConnectionSettings};
use super::shares::{Share, Shares, share_of};
use crate::keys::KeyHolder;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What the clients of a server may have, and what they have.
#[derive(Debug)]
pub struct ClientLimits {
    proxies: TrustedProxies,
    limits_loopback: bool,
    rates: Rates,
    in_flight: Option<Arc<Shares>>,
    bodies: Arc<Shares>,
    connections: Option<Arc<Shares>>,
}

impl ClientLimits {
    /// Makes the limits of a server that has `max_concurrent_requests`, of which one client may
    /// have `slots_percent`.
    pub fn new(
        settings: &ClientSettings,
        max_concurrent_requests: usize,
        slots_percent: u8,
    ) -> Arc<Self> {
        let share = share_of(max_concurrent_requests, slots_percent);
        let of_connections = &settings.connections;
        Arc::new(Self {
            proxies: of_connections.trusted_proxies.clone(),
            limits_loopback: of_connections.limit_loopback_clients,
            rates: Rates::new(settings.rates()),
            in_flight: Some(Shares::new(&IN_FLIGHT, share)),
            bodies: Shares::new(&BODIES, share),
            connections: connections(of_connections),
        })
    }

    /// Makes the limits of a server whose clients are linkrelay's own producers, which limit the
    /// requests and links of theirs: only connections, and bodies that do not arrive, are limited.
    pub fn of_producers(
        settings: &ConnectionSettings,
        max_concurrent_requests: usize,
        slots_percent: u8,
    ) -> Arc<Self> {
        let share = share_of(max_concurrent_requests, slots_percent);
        Arc::new(Self {
            proxies: settings.trusted_proxies.clone(),
            limits_loopback: settings.limit_loopback_clients,
            rates: Rates::new(RateLimits { requests: None, links: None }),
            in_flight: None,
            bodies: Shares::new(&BODIES, share),
            connections: connections(settings),
        })
    }

    /// The proxies that are trusted.
    pub(crate) fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// Takes a connection for this address; `None` if its number is not limited.
    ///
    /// # Errors
    /// [`Refusal`] if the address has as many as it may.
    pub(crate) fn connection(&self, peer: SocketAddr) -> Result<Option<Share>, Refusal> {
        let address = peer.ip().to_canonical();
        let Some(shares) = &self.connections else { return Ok(None) };
        // All clients behind a proxy have its connections.
        if self.is_exempt(Some(address)) || self.proxies.trusts(address) {
            return Ok(None);
        }
        shares.take(&ClientId::of_address(Some(address))).map(Some)
    }

    /// Returns what the client of this request may have.
    pub(super) fn pass(self: &Arc<Self>, request: &Request) -> Pass {
        let extensions = request.extensions();
        let peer = extensions.get::<Peer>().map(|Peer(peer)| peer.ip().to_canonical());
        let address = peer.map(|peer| self.proxies.client_address(peer, request.headers()));
        let id = client_id(extensions, address);
        let is_limited = is_forwarded(request.headers()) || !self.is_exempt(peer);
        let of_client = OfClient {
            buckets: is_limited.then(|| self.rates.buckets(&id)),
            id,
            limits: Arc::clone(self),
            requests_left: OnceLock::new(),
            links_left: OnceLock::new(),
        };
        Pass(Some(Arc::new(of_client)))
    }

    /// Whether a client whose requests come from this peer has no limits, but for bodies. What
    /// comes through a trusted proxy has limits, no matter what its headers say.
    fn is_exempt(&self, peer: Option<IpAddr>) -> bool {
        let is_local = |peer: IpAddr| peer.is_loopback() && !self.proxies.trusts(peer);
        !self.limits_loopback && peer.is_none_or(is_local)
    }
}

fn connections(settings: &ConnectionSettings) -> Option<Arc<Shares>> {
    let max = settings.client_connections;
    (max > 0).then(|| Shares::new(&CONNECTIONS, max))
}

/// Whether a request came through a proxy, whose clients are on other machines than this one.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED)
}

/// Who a client is: the name of its key, otherwise its address.
fn client_id(extensions: &Extensions, address: Option<IpAddr>) -> ClientId {
    match extensions.get::<KeyHolder>() {
        Some(holder) => ClientId::Key(Arc::clone(&holder.name)),
        None => ClientId::of_address(address),
    }
}

/// What the client of a request may have. The layer of this module adds it to the extensions of the
/// request; it is cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pass(Option<Arc<OfClient>>);

#[derive(Debug)]
struct OfClient {
    id: ClientId,
    /// `None` for a client without limits, but for bodies.
    buckets: Option<Arc<Buckets>>,
    limits: Arc<ClientLimits>,
    requests_left: OnceLock<Left>,
    links_left: OnceLock<Left>,
}

impl Pass {
    /// Returns the pass of a request; one without a pass is not limited.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Takes one of the slots of which this client may have a part; `None` if it is not limited.
    ///
    /// # Errors
    /// [`Refusal`] if the client has as many as it may.
    pub fn slot(&self, shares: &Arc<Shares>) -> Result<Option<Share>, Refusal> {
        self.limited().map(|(client, _)| shares.take(&client.id)).transpose()
    }

    /// Counts the links of a request.
    ///
    /// # Errors
    /// [`Refusal`] if the client sends too many a second; then none of them counts.
    pub fn links(&self, links_count: usize) -> Result<(), Refusal> {
        let Some((client, buckets)) = self.limited() else { return Ok(()) };
        let (answer, left) = client.limits.rates.links(buckets, links_count);
        left.map(|left| client.links_left.set(left));
        answer
    }

    /// Takes a slot for a body that is still arriving, which every client needs.
    ///
    /// # Errors
    /// [`Refusal`] if the client has as many as it may.
    pub(crate) fn body(&self) -> Result<Option<Share>, Refusal> {
        self.0.as_ref().map(|client| client.limits.bodies.take(&client.id)).transpose()
    }

    /// Counts a request, which is in flight until the result is dropped.
    ///
    /// # Errors
    /// [`Refusal`] if the client sends too many a second, or has too many in flight.
    pub(super) fn begin(&self) -> Result<Option<Share>, Refusal> {
        let Some((client, buckets)) = self.limited() else { return Ok(None) };
        let (answer, left) = client.limits.rates.request(buckets);
        left.map(|left| client.requests_left.set(left));
        answer?;
        client.limits.in_flight.as_ref().map(|shares| shares.take(&client.id)).transpose()
    }

    /// Adds the headers that say what is left to the client.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        let Some((client, _)) = self.limited() else { return };
        let left = [&client.requests_left, &client.links_left].map(|left| left.get().copied());
        let [requests, links] = left;
        if let Some((left, policy)) = rate_limit(requests, links).zip(client.limits.rates.policy())
        {
            headers.insert(RATE_LIMIT, left);
            headers.insert(RATE_LIMIT_POLICY, policy.clone());
        }
    }

    /// Returns the name of the client for the log.
    pub(super) fn name(&self) -> Option<&ClientId> {
        self.0.as_ref().map(|client| &client.id)
    }

    fn limited(&self) -> Option<(&OfClient, &Buckets)> {
        let client = self.0.as_deref()?;
        client.buckets.as_deref().map(|buckets| (client, buckets))
    }
}
