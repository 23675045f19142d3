//! Under which origin a browser has reached this server.
//!
//! This server speaks no TLS, so only a proxy knows whether its client does. What a trusted proxy
//! passes on of its client's own headers harms that client alone: no page can set these headers in
//! a request to another site.
//!
//! It must not know: what the origin is for.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap, Uri, header};

use super::id::Peer;
use super::proxies::TrustedProxies;

const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const X_FORWARDED_HOST: &str = "x-forwarded-host";

/// The origin of this server, as the browser that sent a request has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOrigin {
    /// Whether the browser speaks TLS, to a proxy in front.
    pub is_https: bool,
    /// The host in small letters, with its port unless that is the scheme's own; `None` if the
    /// request does not name one.
    authority: Option<String>,
}

impl OwnOrigin {
    /// Whether this is the value of an `Origin` header that a page of this server sends.
    pub fn is(&self, origin: &str) -> bool {
        let Some(authority) = &self.authority else { return false };
        let sent = origin.split_once("://");
        sent.is_some_and(|(scheme, host)| {
            scheme == scheme_of(self.is_https)
                && without_default_port(host, self.is_https) == *authority
        })
    }
}

impl TrustedProxies {
    /// Returns the origin under which a request has reached this server.
    pub(crate) fn own_origin(
        &self,
        extensions: &Extensions,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> OwnOrigin {
        let peer = extensions.get::<Peer>().map(|Peer(peer)| peer.ip().to_canonical());
        let is_trusted = peer.is_some_and(|peer: IpAddr| self.trusts(peer));
        let of_proxy = |name: &str, pair: &str| {
            let own = is_trusted.then(|| first(headers, name)).flatten();
            own.or_else(|| is_trusted.then(|| forwarded(headers, pair)).flatten())
        };
        let scheme = of_proxy(X_FORWARDED_PROTO, "proto");
        let is_https = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        let target = || uri.authority().map(|authority| authority.as_str().to_owned());
        let host = of_proxy(X_FORWARDED_HOST, "host")
            .or_else(target)
            .or_else(|| first(headers, header::HOST.as_str()));
        OwnOrigin { is_https, authority: host.map(|host| without_default_port(&host, is_https)) }
    }
}

fn scheme_of(is_https: bool) -> &'static str {
    if is_https { "https" } else { "http" }
}

fn without_default_port(host: &str, is_https: bool) -> String {
    let host = host.to_ascii_lowercase();
    let port = if is_https { ":443" } else { ":80" };
    host.strip_suffix(port).map_or_else(|| host.clone(), str::to_owned)
}

/// Returns the first element of a header that is a list: what the proxy next to the client wrote.
fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let first = text.split(',').next()?.trim();
    (!first.is_empty()).then(|| first.to_owned())
}

/// Returns the value of a pair of the first element of `Forwarded` (RFC 7239, 4).
fn forwarded(headers: &HeaderMap, name: &str) -> Option<String> {
    let element = first(headers, header::FORWARDED.as_str())?;
    element.split(';').find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        let value = value.trim_matches('"');
        found.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// The origin of a request from this address with these headers.
    fn origin(peer: &str, sent: &[(&'static str, &str)]) -> OwnOrigin {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        let mut extensions = Extensions::new();
        extensions.insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        let headers =
            sent.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        proxies.own_origin(&extensions, &Uri::from_static("/"), &headers.collect())
    }

    #[test]
    fn only_a_trusted_proxy_says_how_a_browser_reached_it() {
        const HOST: (&str, &str) = ("host", "links.example.org");
        let proto = |scheme| ("x-forwarded-proto", scheme);
        for (peer, sent, own, another) in [
            (
                "10.0.0.1",
                vec![HOST, proto("https")],
                "https://links.example.org",
                "http://links.example.org",
            ),
            ("10.0.0.1", vec![HOST, proto("HTTPS, http")], "https://links.example.org", "null"),
            ("10.0.0.1", vec![HOST], "http://links.example.org", "https://links.example.org"),
            (
                "192.0.2.1",
                vec![HOST, proto("https")],
                "http://links.example.org",
                "https://links.example.org",
            ),
            ("192.0.2.1", vec![("host", "A.example:80")], "http://a.example", "http://b.example"),
            (
                "192.0.2.1",
                vec![("host", "127.0.0.1:3000")],
                "http://127.0.0.1:3000",
                "http://127.0.0.1:5000",
            ),
            ("192.0.2.1", vec![("host", "[::1]:3000")], "http://[::1]:3000", "http://[::1]"),
            (
                "192.0.2.1",
                vec![HOST, ("x-forwarded-host", "evil.test")],
                "http://links.example.org",
                "http://evil.test",
            ),
            (
                "10.0.0.1",
                vec![
                    ("host", "inner:3000"),
                    ("x-forwarded-host", "links.example.org:443"),
                    proto("https"),
                ],
                "https://links.example.org",
                "https://inner:3000",
            ),
            (
                "10.0.0.1",
                vec![
                    HOST,
                    ("forwarded", r#"for=1.2.3.4;Proto=https;host="a.example:8443", for=x"#),
                ],
                "https://a.example:8443",
                "https://links.example.org",
            ),
            ("10.0.0.1", vec![], "", "http://"),
        ] {
            let found = origin(peer, &sent);
            assert_eq!(found.is(own), !own.is_empty(), "{peer} {sent:?}: {found:?}");
            assert!(!found.is(another), "{peer} {sent:?}: {found:?} is {another}");
            assert!(!found.is("null") && !found.is(""));
        }
    }
}
