//! The name under which a client is counted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The bits of an IPv6 address that a provider gives to one customer.
const IPV6_PREFIX_BITS: u32 = 64;

/// The address at the other end of a connection. [`serve`](crate::serve()) adds it to the
/// extensions of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Who a client is: the name of its key, otherwise its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// The client has an API key with this name.
    Key(Arc<str>),
    /// The client has this address. An IPv4 address that is mapped to IPv6 is the IPv4 address.
    V4(Ipv4Addr),
    /// The client has an address of this network of 64 bits, which are its first ones.
    V6(u64),
    /// The address is not known, as over a Unix socket.
    Unknown,
}

impl ClientId {
    /// Returns the client with this address.
    pub fn of_address(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => {
                let prefix = u128::from(address) >> (u128::BITS - IPV6_PREFIX_BITS);
                // The shift leaves 64 bits.
                Self::V6(u64::try_from(prefix).unwrap_or(u64::MAX))
            }
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(name) => write!(f, "key {name}"),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(prefix) => {
                let network = Ipv6Addr::from(u128::from(*prefix) << IPV6_PREFIX_BITS);
                write!(f, "{network}/{IPV6_PREFIX_BITS}")
            }
            Self::Unknown => f.write_str("a client without an address"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, name) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
        ] {
            let id = ClientId::of_address(Some(address.parse().unwrap()));
            assert_eq!(id.to_string(), name, "{address}");
        }
        assert_eq!(ClientId::of_address(None), ClientId::Unknown);
    }
}
