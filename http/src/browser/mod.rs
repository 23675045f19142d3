//! What browsers may do: from which pages ([`CorsOrigins`]), by which names of this server
//! ([`AllowedHosts`]), and with its pages (`headers`).
//!
//! It must not know: which routes there are.

mod cors;
mod headers;
mod hosts;

pub use cors::CorsOrigins;
pub(crate) use cors::layer as cors;
pub(crate) use headers::Secure;
pub use hosts::AllowedHosts;
pub(crate) use hosts::CheckHost;
