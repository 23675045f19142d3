//! Tools for trying linkrelay out without the world outside.
//!
//! In reading order: [`pages`] makes videos up, the same ones for the same ids, and writes them
//! down as YouTube does; [`youtube`] serves them over HTTPS, with faults on request.
//!
//! It must not know: how linkrelay reads a page or what it keeps of it; only so can a test that
//! compares both sides prove anything. The library is shipped behind `linkrelay up --demo`, so
//! it neither prints nor panics.

pub mod pages;
pub mod youtube;
