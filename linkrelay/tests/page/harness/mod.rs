//! A browser, a linkrelay, and what a test may ask of either.
//!
//! [`in_browser`] runs a test; [`Browser`] is what it drives, and [`Relay`] what it looks at.
//! It must not know the views: which element means what is written in the tests.

/// axe-core in the page.
pub(crate) mod axe;
/// The browser of one test.
mod browser;
/// How WebDriver commands are sent.
mod client;
/// Files that a browser downloads or uploads.
pub(crate) mod files;
/// Keys and text, as a person types them.
mod input;
/// The linkrelay of one test.
mod relay;
/// How a test runs.
mod run;
/// What a browser asked for and complained about.
mod traffic;
/// Finds Chromium, and starts its driver.
mod webdriver;

pub(crate) use browser::Browser;
pub(crate) use relay::{Relay, link, links, video_id};
pub(crate) use run::in_browser;
pub(crate) use traffic::Request;
