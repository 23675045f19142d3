//! Calls the crate, on the caller's thread.

use std::time::Duration;

use bytes::Bytes;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use rusty_ytdl::{RequestOptions, VideoOptions};
use tokio::runtime::{Builder, Runtime};

use super::replay::{ReplayServer, ReplayServerError};
use super::{convert, page};
use crate::error::ExtractError;

/// Why the crate cannot be called at all.
#[derive(Debug, thiserror::Error)]
enum EngineError {
    #[error("no runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    ReplayServer(#[from] ReplayServerError),
}

/// A runtime, the replay server within it, and a client that asks only that server. They are
/// opened for the first page, so that a strategy that is never used costs nothing.
#[derive(Debug)]
pub(super) struct Engine {
    open: Option<OpenEngine>,
    /// How long the crate may read a page. Everything is in memory, so a call that takes longer is
    /// stuck; without a limit it would occupy its thread forever.
    limit: Duration,
}

#[derive(Debug)]
struct OpenEngine {
    runtime: Runtime,
    replay: ReplayServer,
    options: VideoOptions,
}

impl Engine {
    /// Makes an engine that reads each page for at most `limit`; it opens nothing yet.
    pub(super) fn new(limit: Duration) -> Self {
        Self { open: None, limit }
    }

    /// Lets the crate read a page; blocks this thread until it has.
    ///
    /// # Errors
    /// Those of [`convert::error`]; Unreadable if the engine cannot be opened; TimedOut after the
    /// limit.
    ///
    /// # Panics
    /// Panics if the crate does; this engine must then not be used again.
    pub(super) fn read(&mut self, video_id: VideoId, page: Bytes) -> Result<Video, ExtractError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => OpenEngine::new().map_err(|error| {
                ExtractError::Unreadable(format!("the reader rusty_ytdl does not start: {error}"))
            })?,
        };
        self.open.insert(open).read(video_id, page, self.limit)
    }
}

impl OpenEngine {
    fn new() -> Result<Self, EngineError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let replay = runtime.block_on(ReplayServer::open())?;
        let request_options = RequestOptions {
            client: Some(replay.client()?),
            max_retries: Some(0),
            ..RequestOptions::default()
        };
        let options = VideoOptions { request_options, ..VideoOptions::default() };
        Ok(Self { runtime, replay, options })
    }

    fn read(&self, video_id: VideoId, page: Bytes, limit: Duration) -> Result<Video, ExtractError> {
        let video = rusty_ytdl::Video::new_with_options(video_id.as_str(), self.options.clone())
            .map_err(|error| convert::error(&error))?;
        self.replay.load(page::prepared(&page));
        let called = self
            .runtime
            .block_on(async { tokio::time::timeout(limit, video.get_basic_info()).await });
        self.replay.load(Bytes::new());
        match called {
            Ok(Ok(info)) => convert::video(&info, video_id),
            Ok(Err(error)) => Err(convert::error(&error)),
            Err(_) => Err(ExtractError::TimedOut(limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "5fR9AHlSDtc";

    fn engine() -> Engine {
        Engine::new(linkrelay_testkit::wait::LONG)
    }

    /// The smallest page that the crate reads; it needs `}}};` after the player response.
    fn page(status: &str) -> Bytes {
        let player = json!({
            "playabilityStatus": {"status": status},
            "videoDetails": {"videoId": ID, "title": "A title", "lengthSeconds": "61"},
            "microformat": {"playerMicroformatRenderer": {"category": "Music"}},
            "zLast": {"ends": {"deep": 1}},
        });
        Bytes::from(format!(
            "<html><script>var ytInitialPlayerResponse = {player};</script>\
             <script>var ytInitialData = {{}};</script>\
             <script>\"jsUrl\":\"/s/player/1/base.js\"</script></html>"
        ))
    }

    fn id(text: &str) -> VideoId {
        VideoId::parse(text).unwrap()
    }

    #[test]
    fn the_crate_reads_pages_one_after_the_other_without_a_network() {
        let mut engine = engine();
        for _ in 0..3 {
            let video = engine.read(id(ID), page("OK")).unwrap();
            assert_eq!(video.title, "A title");
            assert_eq!(video.length_seconds, Some(61));
        }
    }

    #[test]
    fn a_text_is_what_its_json_means() {
        let mut engine = engine();
        let page = String::from_utf8(page("OK").to_vec()).unwrap();
        for (json, text) in [
            ("A\u{a0}title\u{a0}", "A\u{a0}title\u{a0}"),
            ("On & On <3 > 2", "On & On <3 > 2"),
            (r"On \u0026 On", "On & On"),
            ("What &amp; is", "What &amp; is"),
            (r"What \u0026amp; is", "What &amp; is"),
            (r"half \ud83d of one", "half \u{fffd} of one"),
        ] {
            let video = engine.read(id(ID), page.replace("A title", json).into()).unwrap();
            assert_eq!(video.title, text, "{json}");
        }
    }

    #[test]
    fn each_error_of_the_crate_has_its_code() {
        let mut engine = engine();
        let mut code = |video_id, page| engine.read(id(video_id), page).unwrap_err().code();
        assert_eq!(code("AAAAAAAAAAA", page("OK")), "unreadable");
        assert_eq!(code(ID, page("ERROR")), "unavailable");
        assert_eq!(code(ID, page("LOGIN_REQUIRED")), "unreadable");
        assert_eq!(code(ID, page("LIVE_STREAM_OFFLINE")), "unreadable");
        assert_eq!(code(ID, Bytes::new()), "unreadable");
        assert_eq!(code(ID, Bytes::from_static(b"\xff\xfe<script>")), "unreadable");
    }

    #[test]
    fn a_page_that_is_not_read_within_the_limit_is_a_time_out_and_the_next_one_is_read() {
        let mut engine = Engine::new(Duration::ZERO);
        assert_eq!(engine.read(id(ID), page("OK")).unwrap_err().code(), "timed_out");
        engine.limit = linkrelay_testkit::wait::LONG;
        assert_eq!(engine.read(id(ID), page("OK")).unwrap().title, "A title");
    }
}
