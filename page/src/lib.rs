//! The page that people open: its files, which are a part of the program, and how they are
//! answered.
//!
//! `assets/` is HTML, CSS and ES modules as a browser reads them. `build.rs` compresses them and
//! names all of them together by what is in them. [`index`] answers `GET /`; [`file()`] answers the
//! files, at addresses that never change what they mean; `encoding` chooses the form that a client
//! takes.
//!
//! It must not know: stores, Kafka, or what the API answers. The page asks the API like any client.

mod answer;
mod assets;
mod encoding;

pub use answer::{CSP, file, index};

/// Names the files that are served: other files have another name.
pub fn build() -> &'static str {
    assets::BUILD
}
