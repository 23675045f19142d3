//! The page in a real browser, on a real linkrelay.
//!
//! Each test has a browser and a linkrelay of its own: both start in two seconds, and nothing that
//! one test sends is counted by another. The tests know the page by the ids, `data-` attributes
//! and roles that docs/PAGE.md names, never by its words.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The browser, the server, and what a test asks of them.
mod harness;

/// The page of the API.
mod docs;
/// Export of what the library shows.
mod export;
/// Failures by reason, and links that are tried again.
mod failures;
/// The whole page without a mouse.
mod keyboard;
/// Dead letters and their replay.
mod letters;
/// A machine that has no browser.
mod missing;
/// A video, and the way back to the same place of the library.
mod place;
/// A server that is killed and started again under a page.
mod restart;
/// Search while a user types, also by an input method.
mod search;
/// Keys, sessions, and their end.
mod sign_in;
/// Links that are pasted, understood, sent and seen as they arrive.
mod submit;
/// Tabs that are closed in the middle.
mod tabs;
/// Every view in both themes and languages: accessibility, narrow screens, screenshots.
mod views;
/// What the page costs: bytes, and the time to the first paint.
mod weight;
