//! Who a client is, and what one client may have.
//!
//! [`ClientId`] is the name of the client's key, otherwise its address, which is found behind
//! [`TrustedProxies`], which also tell under which [`OwnOrigin`] it has reached this server.
//! [`ClientLimits`] has what every client may have, and counts it: requests and
//! links a second, connections, requests in flight, and bodies that are still arriving. A [`Pass`]
//! is what a handler sees of it, for links and for [`Shares`] of its own kinds of slots.
//!
//! All of it is counted in the memory of this process. It must not know: what a request is about,
//! or how keys are checked.

mod address;
mod id;
mod layer;
mod limits;
mod origin;
mod proxies;
mod rates;
mod refusal;
mod settings;
mod shares;

pub use id::{ClientId, Peer};
pub(crate) use layer::Admit;
pub use limits::{ClientLimits, Pass};
pub use origin::OwnOrigin;
pub use proxies::TrustedProxies;
pub use refusal::{Limit, Refusal};
pub use settings::{ClientSettings, ConnectionSettings};
pub use shares::{Share, Shares, share_of};
