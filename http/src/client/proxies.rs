//! The proxies whose headers are believed (`TRUSTED_PROXIES`).

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

const IPV4_MAPPED_BITS: u8 = 96;

/// The networks of the proxies whose headers are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether this address, which is not a mapped one, is one of them.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl TrustedProxies {
    /// Says what the setting does not do on a server at this address; `None` if one of the proxies
    /// can connect to it.
    pub fn without_effect(&self, listens_on: IpAddr) -> Option<&'static str> {
        let local = match listens_on.to_canonical() {
            IpAddr::V4(address) if address.is_loopback() => {
                IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8))
            }
            IpAddr::V6(address) if address.is_loopback() => IpNet::from(IpAddr::V6(address)),
            _ => return None,
        };
        let can_connect =
            |network: &IpNet| network.contains(&local.addr()) || local.contains(network);
        (!self.0.is_empty() && !self.0.iter().any(can_connect)).then_some(
            "only this machine can connect to this address, and none of the proxies is on it, so \
             no client is found behind a proxy",
        )
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(network).collect::<Result<_, _>>().map(Self)
    }
}

/// Reads a network, or the address of one host.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network: IpNet = text.parse().ok().or_else(address).ok_or_else(|| {
        format!("`{text}` is no address or network: write 10.0.0.5 or 10.0.0.0/8")
    })?;
    let IpNet::V6(mapped) = network else { return Ok(network) };
    // Addresses are compared as what they are, so a network of mapped ones has to be as well.
    let v4 = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(IPV4_MAPPED_BITS));
    let v4 = v4.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    Ok(v4.map_or(network, IpNet::V4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_network_or_an_address() {
        for (text, read) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.0.0.5", Some("10.0.0.5/32")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::1", Some("::1/128")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("10.0.0.0/33", None),
            ("proxy", None),
        ] {
            let read_as = network(text).ok().map(|network| network.to_string());
            assert_eq!(read_as.as_deref(), read, "{text}");
        }
    }

    #[test]
    fn proxies_that_cannot_connect_have_no_effect() {
        for (proxies, listens_on, has_effect) in [
            ("", "127.0.0.1", true),
            ("10.0.0.0/8", "127.0.0.1", false),
            ("10.0.0.0/8", "::ffff:127.0.0.1", false),
            ("10.0.0.0/8", "::1", false),
            ("10.0.0.0/8", "0.0.0.0", true),
            ("10.0.0.0/8", "10.0.0.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.9", "127.0.0.1", true),
            ("0.0.0.0/0", "127.0.0.1", true),
            ("127.0.0.1", "::1", false),
            ("127.0.0.1,::1", "::1", true),
            ("::/0", "::1", true),
            ("10.0.0.0/8,127.0.0.1", "127.0.0.1", true),
        ] {
            let parsed: TrustedProxies = proxies.parse().unwrap();
            let said = parsed.without_effect(listens_on.parse().unwrap());
            assert_eq!(said.is_none(), has_effect, "{proxies} {listens_on}");
        }
    }

    #[test]
    fn there_may_be_none_and_several() {
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
        let several: TrustedProxies = "10.0.0.5, 2001:db8::/32".parse().unwrap();
        assert!(several.trusts("10.0.0.5".parse().unwrap()));
        assert!(several.trusts("2001:db8::5".parse().unwrap()));
        assert!(!several.trusts("10.0.0.6".parse().unwrap()));
        assert!("10.0.0.5,proxy".parse::<TrustedProxies>().is_err());
    }
}
