//! Who may use a server: API keys, what each may do, and the file that has them.
//!
//! [`KeySettings`] say where the keys are and whether a server may do without; [`KeyText`] is what
//! a client sends; [`KeyFile`] is the file that operators edit, with a hash for each key;
//! [`KeyRing`] answers whose key a text is, and [`watch`] reads the file again; [`guard()`]
//! stands in front of routes.
//!
//! It must not know: which route asks for which scope.

mod file;
mod guard;
mod key_text;
mod reload;
mod ring;
mod scope;
mod settings;

pub use file::{KeyEntry, KeyFile, KeyFileError};
pub use guard::guard;
pub use key_text::KeyText;
pub use reload::watch;
pub use ring::{KeyHolder, KeyRing};
pub use scope::{Scope, Scopes};
pub use settings::{Access, KeySettings};
