//! By which names this server may be asked for.
//!
//! A page of another site can have its own name resolved to this server's address (DNS rebinding);
//! then the browser takes the server for a part of that site. The browser still sends the site's
//! name as `Host`, so a server that asks for no key refuses names that are not its own. No name can
//! be resolved into an IP address that a client asks for, so those always pass.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkrelay_common::metrics as names;
use metrics::counter;

use crate::Problem;
use crate::around::Around;

/// The longest name that an answer repeats.
const MAX_SHOWN: usize = 100;

/// A name that the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Any,
    Exactly(String),
    /// The names that end with this text, which begins with a dot.
    Below(String),
}

/// The names that the operator allows (`ALLOWED_HOSTS`), beside those of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Name>);

impl FromStr for AllowedHosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(name).collect::<Result<_, _>>().map(Self)
    }
}

fn name(text: &str) -> Result<Name, String> {
    if text == "*" {
        return Ok(Name::Any);
    }
    let (suffix, is_below) = match text.strip_prefix('*') {
        Some(suffix) => (suffix, true),
        None => (text, false),
    };
    let plain = suffix.strip_prefix('.').filter(|_| is_below).unwrap_or(suffix);
    let is_plain = host_of(plain).is_some_and(|host| host == plain.to_ascii_lowercase());
    if !is_plain || (is_below && !suffix.starts_with('.')) {
        return Err(format!(
            "`{text}` is no name of a host: write links.example.org, *.example.org, an address, or \
             * for every name, without a port"
        ));
    }
    let suffix = suffix.to_ascii_lowercase();
    Ok(if is_below { Name::Below(suffix) } else { Name::Exactly(suffix) })
}

impl AllowedHosts {
    /// Every name, for a server that shows and does nothing that a page must not reach.
    pub fn any() -> Self {
        Self(vec![Name::Any])
    }

    /// Whether requests to a server are checked: if names are set, or if no key protects it,
    /// wherever it listens; the address that a container sees says nothing of who reaches it.
    pub(crate) fn are_checked(&self, has_keys: bool) -> bool {
        !self.0.contains(&Name::Any) && (!self.0.is_empty() || !has_keys)
    }

    /// Says what the setting does not do on a server with or without keys; `None` if every name in
    /// it has an effect.
    pub fn without_effect(&self, has_keys: bool) -> Option<&'static str> {
        let is_any = self.0.contains(&Name::Any);
        let is_allowed_anyway =
            |name: &Name| matches!(name, Name::Exactly(host) if is_never_rebound(host));
        if self.0.is_empty() {
            None
        } else if is_any && has_keys {
            Some("* allows every name, and a server with keys refuses none")
        } else if is_any && self.0.len() > 1 {
            Some("* allows every name, so the other names add nothing")
        } else if !has_keys && self.0.iter().all(is_allowed_anyway) {
            Some("localhost and IP addresses are always allowed, so these names add nothing")
        } else {
            None
        }
    }

    /// Whether this value of `Host` names the server; the port does not count.
    fn allow(&self, host: &str) -> bool {
        let Some(host) = host_of(host) else { return false };
        is_never_rebound(&host)
            || self.0.iter().any(|name| match name {
                Name::Any => true,
                Name::Exactly(name) => *name == host,
                Name::Below(suffix) => host.ends_with(suffix.as_str()),
            })
    }
}

/// Returns the name in small letters, without a port and without the dot at its end; `None` if the
/// text is malformed.
fn host_of(text: &str) -> Option<String> {
    let (host, port) = match text.find(']') {
        Some(end) => text.split_at(end + 1),
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let is_port = |port: &str| {
        port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_valid =
        !host.is_empty() && host.chars().all(is_host) && (port.is_empty() || is_port(port));
    is_valid.then_some(host)
}

/// Whether no other site can have this name lead here: an IP address, or a name that every browser
/// resolves to its own machine.
fn is_never_rebound(host: &str) -> bool {
    let v6 = || host.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<Ipv4Addr>().is_ok()
        || v6().is_some()
}

/// Answers 421 to a request whose host is not allowed.
///
/// A request without a host is not from a browser, and probes of health may name anything: they
/// tell a page nothing.
#[derive(Debug, Clone)]
pub(crate) struct CheckHost(pub(crate) Arc<AllowedHosts>);

impl Around for CheckHost {
    type Held = ();

    fn before(&self, request: &mut Request) -> Result<(), Box<Response>> {
        match refused_host(&self.0, request) {
            Some(host) if !request.uri().path().starts_with("/health/") => {
                counter!(names::HTTP_REFUSED, "limit" => "host").increment(1);
                let shown: String = host.chars().take(MAX_SHOWN).collect();
                let detail = format!("this server is not {shown}; ALLOWED_HOSTS does not name it");
                let status = StatusCode::MISDIRECTED_REQUEST;
                Err(Box::new(Problem::new(status, "unknown_host", detail).into_response()))
            }
            _ => Ok(()),
        }
    }

    fn after(&self, (): (), _: &mut Response) {}
}

/// Returns the host of a request if it is not allowed.
fn refused_host(allowed: &AllowedHosts, request: &Request) -> Option<String> {
    // An absolute target counts before the header (RFC 9112, 3.2.2), but a browser sends both
    // alike, so each of them has to be allowed.
    let target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let headers = request.headers().get_all(header::HOST).iter();
    let texts = headers.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    target.into_iter().chain(texts).find(|host| !allowed.allow(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_names_of_the_setting_are_allowed() {
        let none = AllowedHosts::default();
        let some: AllowedHosts = "links.example.org, *.Example.net".parse().unwrap();
        for (host, by_default, by_setting) in [
            ("localhost", true, true),
            ("LOCALHOST:3000", true, true),
            ("localhost.", true, true),
            ("app.localhost:3000", true, true),
            ("127.0.0.1:3000", true, true),
            ("127.9.9.9", true, true),
            ("[::1]:3000", true, true),
            ("[::1]", true, true),
            ("[::ffff:127.0.0.1]", true, true),
            ("128.0.0.1", true, true),
            ("192.0.2.8:3000", true, true),
            ("[::2]", true, true),
            ("[2001:db8::1]:3000", true, true),
            ("links.example.org", false, true),
            ("Links.Example.org.:80", false, true),
            ("a.example.net", false, true),
            ("a.b.example.net:1", false, true),
            ("links", false, false),
            ("1.2.3", false, false),
            ("1.2.3.4.5", false, false),
            ("[192.0.2.7]", false, false),
            ("[::1", false, false),
            ("example.net", false, false),
            ("evilexample.net", false, false),
            ("links.example.org.evil.test", false, false),
            ("evil.test", false, false),
            ("127.0.0.1.evil.test", false, false),
            ("localhost.evil.test", false, false),
            ("evillocalhost", false, false),
            ("localhost:evil", false, false),
            ("evil.test#localhost", false, false),
            ("localhost@evil.test", false, false),
            ("localhost evil.test", false, false),
            ("", false, false),
        ] {
            assert_eq!(none.allow(host), by_default, "{host} by default");
            assert_eq!(some.allow(host), by_setting, "{host} by the setting");
        }
    }

    #[test]
    fn whoever_serves_without_keys_is_checked() {
        let none = AllowedHosts::default();
        let (some, every) = ("a.example".parse().unwrap(), "*".parse().unwrap());
        for (allowed, has_keys, are_checked) in [
            (&none, false, true),
            (&none, true, false),
            (&some, false, true),
            (&some, true, true),
            (&every, false, false),
            (&every, true, false),
        ] {
            let found = AllowedHosts::are_checked(allowed, has_keys);
            assert_eq!(found, are_checked, "{allowed:?} {has_keys}");
        }
    }

    #[test]
    fn what_a_setting_does_not_do_is_said() {
        for (text, without_keys, with_keys) in [
            ("", None, None),
            ("links.example.org", None, None),
            ("links.example.org,localhost", None, None),
            ("localhost,127.0.0.1,[::1]", Some("always allowed"), None),
            ("*", None, Some("refuses none")),
            ("*,links.example.org", Some("add nothing"), Some("refuses none")),
        ] {
            let hosts: AllowedHosts = text.parse().unwrap();
            for (has_keys, expected) in [(false, without_keys), (true, with_keys)] {
                let said = hosts.without_effect(has_keys);
                assert_eq!(said.is_some(), expected.is_some(), "{text} {has_keys}: {said:?}");
                assert!(
                    said.unwrap_or_default().contains(expected.unwrap_or_default()),
                    "{said:?}"
                );
            }
        }
    }

    #[test]
    fn a_name_has_no_port_and_no_scheme() {
        for text in ["a.example:80", "https://a.example", "a b", "*example.org", "*.", "a/b"] {
            assert!(text.parse::<AllowedHosts>().is_err(), "{text}");
        }
        assert_eq!("".parse(), Ok(AllowedHosts::default()));
    }
}
