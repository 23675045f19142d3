//! Tools for trying linkrelay out without the world outside, and for testing it.
//!
//! In reading order: [`pages`] makes videos up, the same ones for the same ids, and writes them
//! down as YouTube does; [`youtube`] serves them over HTTPS, with faults on request. [`wait`]
//! waits for a condition, never for a time; [`process`] is a server under a test's control;
//! [`kafka`] and [`mongo`] start real ones, which [`tools`] finds; [`proxy`] stands between a
//! client and a server and cuts, stalls or delays; [`tls_front`] adds TLS, and [`mongo_front`]
//! answers some of a client's commands itself; [`forward`] is one that a client is told of;
//! [`chaos`] puts all of it together into the fault suite. What is started here is stopped when its
//! handle drops, and also when the test process dies without dropping anything.
//!
//! It must not know: any of linkrelay's own crates, or how linkrelay reads a page; only so can a
//! test that compares both sides prove anything. The library is shipped behind
//! `linkrelay up --demo`, so it neither prints nor panics.

pub mod chaos;
pub mod forward;
pub mod kafka;
pub mod mongo;
pub mod mongo_front;
pub mod pages;
pub mod process;
pub mod proxy;
pub mod tls_front;
pub mod tools;
pub mod wait;
pub mod youtube;
