//! Real servers for tests, and what makes them fail.
//!
//! In reading order: [`wait`] waits for a condition, never for a time; [`process`] is a server
//! under a test's control; [`kafka`] and [`mongo`] start real ones, which [`tools`] finds;
//! [`proxy`] sits between a client and a server and cuts, stalls or delays; [`tls_front`] adds
//! TLS, and [`mongo_front`] answers some of a client's commands itself; [`forward`] is a proxy
//! that a client is told of; [`chaos`] puts all of it together into the fault suite. What is
//! started here is stopped when its handle drops, and also when the test process dies without
//! dropping anything.
//!
//! It must not know: any of linkrelay's own crates but the fake YouTube, or how linkrelay reads a
//! page; only so can a test that compares both sides prove anything.

pub mod chaos;
pub mod forward;
pub mod kafka;
pub mod mongo;
pub mod mongo_front;
pub mod process;
pub mod proxy;
pub mod tls_front;
pub mod tools;
pub mod wait;
