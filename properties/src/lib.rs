//! What must hold for every input that linkrelay reads from clients, topics and YouTube.
//!
//! A [`Property`] is one function that panics if it does not hold. `tests/hold.rs` tries each with
//! proptest and with the corpus in `fuzz/corpus`, and `fuzz/` is the same function under
//! libFuzzer. In reading order: [`links`] are the texts that clients submit, [`bodies`] the
//! requests that bring them, [`records`] what is in the topic; [`pages`] and [`lists`] are YouTube's
//! answers.
//!
//! It must not know: how an input is made, except for its seeds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a property panics if it does not hold"
)]

pub mod bodies;
pub mod links;
pub mod lists;
pub mod pages;
pub mod records;

/// What must hold for every input of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The name of its fuzz target and of its corpus.
    pub name: &'static str,
    /// Panics if it does not hold for this input.
    pub check: fn(&[u8]),
    /// Returns inputs from which others are made; no captured page is among them.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 5] = [
        Self { name: "links", check: links::check, seeds: links::seeds },
        Self { name: "bodies", check: bodies::check, seeds: bodies::seeds },
        Self { name: "records", check: records::check, seeds: records::seeds },
        Self { name: "pages", check: pages::check, seeds: pages::seeds },
        Self { name: "lists", check: lists::check, seeds: lists::seeds },
    ];
}
