//! The address of a client behind proxies that the operator trusts.
//!
//! A proxy adds the address from which it has a request to the right end of a header; what is left
//! of that was sent to it and may be invented. So the walk begins at the peer of the connection and
//! goes left for as long as the address that it has reached is a trusted proxy.
//!
//! It must not know: what the address is for.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

use super::proxies::TrustedProxies;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

impl TrustedProxies {
    /// Returns the address of the client whose request came from `peer` with these headers.
    ///
    /// With both headers, one of them may have come through the proxy unchanged; if they do not
    /// agree, neither is believed, and the client counts as the proxy.
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let by = |name: &str, read: fn(&str) -> Option<IpAddr>| {
            headers.contains_key(name).then(|| self.walk(peer, headers, name, read))
        };
        let x_forwarded_for = by(X_FORWARDED_FOR, node);
        match (x_forwarded_for, by(header::FORWARDED.as_str(), forwarded_for)) {
            (Some(one), Some(other)) if one != other => peer,
            (one, other) => one.or(other).unwrap_or(peer),
        }
    }

    fn walk(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &str,
        read: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut reached = peer;
        // Several headers of a name are one list (RFC 9110, 5.3).
        for value in headers.get_all(name).iter().rev() {
            // Each hop alone: what a client has invented may be no text, and comes first.
            for hop in value.as_bytes().rsplit(|byte| *byte == b',') {
                // What is left of a malformed hop is not known to come from a proxy.
                let hop = std::str::from_utf8(hop).ok().and_then(|hop| read(hop.trim()));
                let Some(address) = hop else { return reached };
                reached = address.to_canonical();
                if !self.trusts(reached) {
                    return reached;
                }
            }
        }
        reached
    }
}

/// Reads one element of `Forwarded` (RFC 7239, 4): pairs, of which exactly one is `for`.
///
/// The elements are split at each comma, also within a quoted text; a part of one is malformed,
/// because a quote in it is not closed.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"')?,
            None => value,
        };
        if value.contains(['"', '\\']) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(node(value)?).is_some() {
            return None;
        }
    }
    found
}

/// Reads an address with or without a port; an IPv6 address may be in brackets. A hidden or unknown
/// node is no address.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trusted() -> TrustedProxies {
        "10.0.0.0/8,2001:db8::/32".parse().unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| {
            let name: header::HeaderName = name.parse().unwrap();
            (name, header::HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(parse) {
            headers.append(name, value);
        }
        headers
    }

    const XFF: &str = "X-Forwarded-For";
    const FORWARDED: &str = "Forwarded";

    #[test]
    fn the_address_is_found_from_the_right() {
        for (peer, sent, client) in [
            // Never believed from others.
            ("192.0.2.1", vec![(XFF, "198.51.100.9")], "192.0.2.1"),
            ("192.0.2.1", vec![(FORWARDED, "for=198.51.100.9")], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec![(XFF, "198.51.100.9")], "198.51.100.9"),
            ("::ffff:10.0.0.1", vec![(XFF, "198.51.100.9")], "198.51.100.9"),
            // What the client invents is left of what the proxy adds.
            ("10.0.0.1", vec![(XFF, "203.0.113.1, 198.51.100.9")], "198.51.100.9"),
            ("10.0.0.1", vec![(XFF, "203.0.113.1"), (XFF, "198.51.100.9")], "198.51.100.9"),
            ("10.0.0.1", vec![(XFF, "203.0.113.1,198.51.100.9 , 10.9.9.9")], "198.51.100.9"),
            ("10.0.0.1", vec![(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            // A malformed hop ends the walk.
            ("10.0.0.1", vec![(XFF, "198.51.100.9, unknown")], "10.0.0.1"),
            ("10.0.0.1", vec![(XFF, "198.51.100.9, , 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", vec![(XFF, "198.51.100.9,\u{e9}")], "10.0.0.1"),
            ("10.0.0.1", vec![(XFF, "\u{e9}, 198.51.100.9")], "198.51.100.9"),
            ("10.0.0.1", vec![(XFF, "")], "10.0.0.1"),
            ("10.0.0.1", vec![(XFF, "999.1.1.1")], "10.0.0.1"),
            // Ports and brackets.
            ("10.0.0.1", vec![(XFF, "198.51.100.9:4711")], "198.51.100.9"),
            ("10.0.0.1", vec![(XFF, "2001:dead::9")], "2001:dead::9"),
            ("10.0.0.1", vec![(XFF, "[2001:dead::9]")], "2001:dead::9"),
            ("2001:db8::1", vec![(XFF, "[2001:dead::9]:80")], "2001:dead::9"),
            ("10.0.0.1", vec![(XFF, "::ffff:198.51.100.9")], "198.51.100.9"),
            // RFC 7239.
            ("10.0.0.1", vec![(FORWARDED, "for=198.51.100.9;proto=http")], "198.51.100.9"),
            ("10.0.0.1", vec![(FORWARDED, r#"For="[2001:dead::9]:4711""#)], "2001:dead::9"),
            ("10.0.0.1", vec![(FORWARDED, "for=1.2.3.4, for=198.51.100.9;by=x")], "198.51.100.9"),
            ("10.0.0.1", vec![(FORWARDED, "for=198.51.100.9, for=_hidden")], "10.0.0.1"),
            ("10.0.0.1", vec![(FORWARDED, "for=unknown")], "10.0.0.1"),
            ("10.0.0.1", vec![(FORWARDED, "proto=https")], "10.0.0.1"),
            ("10.0.0.1", vec![(FORWARDED, "for=1.2.3.4;for=198.51.100.9")], "10.0.0.1"),
            // An open quote of the client does not reach what the proxy adds.
            ("10.0.0.1", vec![(FORWARDED, r#"for="1.2.3.4, for=198.51.100.9"#)], "198.51.100.9"),
            // A quoted text of the client is no element.
            ("10.0.0.1", vec![(FORWARDED, r#"for=9.9.9.9;host="a,for=1.2.3.4""#)], "10.0.0.1"),
            (
                "10.0.0.1",
                vec![(FORWARDED, r#"for=9.9.9.9;host="a,for=1.2.3.4;b=\"c""#)],
                "10.0.0.1",
            ),
            // Two headers that do not agree: one of them came through the proxy.
            ("10.0.0.1", vec![(XFF, "198.51.100.9"), (FORWARDED, "for=1.2.3.4")], "10.0.0.1"),
            (
                "10.0.0.1",
                vec![(XFF, "1.1.1.1, 198.51.100.9"), (FORWARDED, "for=198.51.100.9")],
                "198.51.100.9",
            ),
        ] {
            let found = trusted().client_address(peer.parse().unwrap(), &headers(&sent));
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {sent:?}");
        }
    }

    fn untrusted() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u16; 8]>().prop_map(|segments| IpAddr::from(segments).to_canonical()),
        ]
        .prop_filter("a client", |address| !trusted().trusts(*address))
    }

    proptest! {
        /// Whatever a client sends, the trusted proxies before the server add what is true.
        #[test]
        fn no_client_can_be_another(
            invented in "[ -~\u{80}-\u{ff}]{0,60}",
            client in untrusted(),
            inner in proptest::collection::vec(any::<[u8; 3]>(), 0..4),
            is_forwarded in any::<bool>(),
        ) {
            let proxies = inner.iter().map(|[b, c, d]| IpAddr::from([10, *b, *c, *d]));
            let name = if is_forwarded { FORWARDED } else { XFF };
            let hop = |address: IpAddr| match (is_forwarded, address) {
                (false, address) => address.to_string(),
                (true, IpAddr::V4(address)) => format!("for={address}"),
                (true, IpAddr::V6(address)) => format!("for=\"[{address}]\""),
            };
            let added = std::iter::once(client).chain(proxies).map(hop);
            let value = std::iter::once(invented).chain(added).collect::<Vec<_>>().join(", ");
            let peer = IpAddr::from([10, 0, 0, 1]);
            let found = trusted().client_address(peer, &headers(&[(name, &value)]));
            prop_assert_eq!(found, client);
            // The same header from the client itself says nothing.
            let found = trusted().client_address(client, &headers(&[(name, &value)]));
            prop_assert_eq!(found, client);
        }

        #[test]
        fn no_header_panics(value in "[ -~\u{80}-\u{ff}]{0,80}") {
            for name in [XFF, FORWARDED] {
                let peer = IpAddr::from([10, 0, 0, 1]);
                trusted().client_address(peer, &headers(&[(name, &value)]));
            }
        }
    }
}
