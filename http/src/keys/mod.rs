//! Who may use a server: API keys, what each may do, and the file that has them.
//!
//! [`KeySettings`] say where the keys are and whether a server may do without; [`KeyText`] is what
//! a client sends; [`KeyFile`] is the file that operators edit, with a hash for each key, which
//! [`add_key`] and [`revoke_key`] change; [`KeyRing`] answers whose key a text is, and [`watch`]
//! reads the file again; a `session` is what a browser has instead of a key, in a `cookie`, and a
//! [`Visitor`] may sign in for it; a `credential` is either of them; [`guard()`] comes before
//! routes, and [`KeyedRoutes`] puts it there and into the OpenAPI document.
//!
//! It must not know: which route needs which scope.

mod cookie;
mod credential;
mod edit;
mod file;
mod guard;
mod key_text;
mod path;
mod reload;
mod ring;
mod routes;
mod scope;
mod session;
mod settings;
mod sign_in;

pub use edit::{add_key, revoke_key};
pub use file::{KeyEntry, KeyFile, KeyFileError};
pub(crate) use guard::Identify;
pub use guard::guard;
pub use key_text::KeyText;
pub use path::KeyPath;
pub use reload::watch;
pub use ring::{KeyHolder, KeyRing};
pub use routes::KeyedRoutes;
pub use scope::{Scope, Scopes};
pub use settings::{Access, KeySettings, Service};
pub use sign_in::{SessionState, SignInError, Visitor};
