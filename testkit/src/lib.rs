//! Real servers for tests, and faults for them.
//!
//! In reading order: [`wait`] waits for a condition, never for a time; [`process`] is a server
//! under a test's control; [`kafka`] and [`mongo`] start real ones, which [`tools`] finds;
//! [`site`] is one linkrelay on them, with its roles as processes. Three proxies pass on what
//! clients send: [`tls_front`] adds TLS, [`mongo_front`] answers some commands itself, and
//! [`forward`] is a proxy for `PROXY_URLS`; `listener` is what they share. [`chaos`] is the fault
//! suite, and [`takeover`] what one release makes of the files of another. What is started here is stopped when its handle drops, and also when the test process
//! dies without dropping anything.
//!
//! It must not know: any of linkrelay's own crates but the fake YouTube, or how linkrelay reads a
//! page; only then can a test that compares both prove anything.

pub mod chaos;
pub mod forward;
pub mod kafka;
mod listener;
pub mod mongo;
pub mod mongo_front;
pub mod process;
pub mod site;
pub mod takeover;
pub mod tls_front;
pub mod tools;
pub mod wait;
