//! Who may use a server: API keys, what each may do, and the file that has them.
//!
//! [`KeyText`] is what a client sends; [`KeyFile`] is the file that operators edit, with a hash for
//! each key; [`KeyRing`] answers whose key a text is, and can be replaced while the server runs.
//!
//! It must not know: routes, or which scope a route asks for.

mod file;
mod key_text;
mod ring;
mod scope;

pub use file::{KeyEntry, KeyFile, KeyFileError};
pub use key_text::KeyText;
pub use ring::{KeyHolder, KeyRing};
pub use scope::{Scope, Scopes};
