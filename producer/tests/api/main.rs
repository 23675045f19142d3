//! Tests the API as its clients use it: with a real server on a free port, and with librdkafka's
//! mock cluster if the broker matters.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The application under test, doubles of its environment, and waiting for a condition.
mod helpers;

/// A request while the broker is unreachable, slow, full or has no topic.
mod broker;
/// `GET /links/{id}/events`.
mod events;
/// Start and stop.
mod life;
/// Clients that are too slow or too many.
mod limits;
/// The program: exit codes, errors in one line, signals.
mod process;
/// `GET /links/{id}`.
mod status;
/// `POST /links/send-message-kafka`.
mod submit;
/// `POST /links/send-message-http`, the waiting path.
mod wait;
