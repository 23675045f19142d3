//! The API as its users see it: a real server on a free port, and librdkafka's mock cluster as
//! the broker wherever the broker matters.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The application under test, what replaces its surroundings, and waiting.
mod helpers;

/// What a broker that is away, slow, full or without a topic does to a request.
mod broker;
/// Start and stop.
mod life;
/// Clients that are too slow or too many.
mod limits;
/// The program itself: exit codes, the line that says why, signals.
mod process;
/// `GET /links/{id}`.
mod status;
/// `POST /links/send-message-kafka`, as its contract has it.
mod submit;
/// `POST /links/send-message-http`, the waiting path.
mod wait;
