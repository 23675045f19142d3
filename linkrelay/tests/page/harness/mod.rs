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
/// Files that a browser downloads.
pub(crate) mod files;
/// Keys and text, as a user gives them.
mod input;
/// A linkrelay that wants keys.
mod locked;
/// The linkrelay of one test.
mod relay;
/// How a test runs.
mod run;
/// Every view with something to show.
pub(crate) mod scene;
/// What a browser asked for and complained about.
mod traffic;
/// Finds Chromium, and starts its driver.
mod webdriver;

pub(crate) use browser::Browser;
pub(crate) use locked::Locked;
pub(crate) use relay::{Accepted, Relay, link, links, video_id};
pub(crate) use run::in_browser;
