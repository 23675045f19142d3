//! Tests the API as its clients use it: with a real server on a free port, and with librdkafka's
//! mock cluster if the broker matters.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

/// The application under test, doubles of its environment, and waiting for a condition.
mod helpers;

/// A request while the broker is unreachable, slow, full or has no topic.
mod broker;
/// What one client may have, and what browsers may do.
mod clients;
/// `DELETE /links/{id}`.
mod delete;
/// Dead letters, and their replay as a job.
mod dlq;
/// `GET /docs/`.
mod docs;
/// `GET /links/{id}/events`.
mod events;
/// `GET /export`.
mod export;
/// `GET /history`.
mod history;
/// API keys.
mod keys;
/// `GET /lag`.
mod lag;
/// Start and stop.
mod life;
/// Clients that are too slow or too many.
mod limits;
/// `GET /openapi.json`, and docs/API.md.
mod openapi;
/// `GET /`, and the files of the page.
mod page;
/// `POST /links/parse`.
mod parse;
/// The program: exit codes, errors in one line, signals.
mod process;
/// `POST /links/{id}/retry`.
mod requests;
mod retry;
/// `/session`.
mod session;
/// `GET /stats`.
mod stats;
/// `GET /links/{id}`.
mod status;
/// `POST /links/send-message-kafka`.
mod submit;
/// `GET /videos/{video_id}/thumbnail`.
mod thumbnail;
/// `GET /videos` and `GET /videos/{video_id}`.
mod videos;
/// `POST /links/send-message-http`, the waiting path.
mod wait;
