//! Runs a test in a browser of its own, and looks afterwards at what the browser asked for.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

use futures::FutureExt as _;

use super::Browser;
use super::webdriver::Programs;

/// Runs `test` in a browser. On a machine without a browser it says so and runs nothing; with
/// `CI=true` the test then fails.
///
/// The test returns its server, so that the server outlives the page's last requests. A test also
/// fails if a request went to another host, or if the page logged an error or broke its own
/// Content-Security-Policy; what belongs to the test is named with [`Browser::expect`].
pub(crate) async fn in_browser<S>(test: impl AsyncFnOnce(&Browser) -> S) {
    let programs = match Programs::find() {
        Ok(programs) => programs,
        Err(why) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => panic!("{why}"),
        Err(why) => return say_once(&why),
    };
    let browser = Browser::start(&programs, screenshot_of_this_test()).await;
    let ended = AssertUnwindSafe(async {
        let server = test(&browser).await;
        browser.check_traffic().await;
        drop(server);
    });
    let ended = ended.catch_unwind().await;
    if ended.is_err() {
        eprintln!("at the end of the test: {}", browser.shown().await);
    }
    browser.end().await;
    ended.unwrap_or_else(|panic| resume_unwind(panic));
}

/// Says it where the output of tests that pass is not kept back.
fn say_once(why: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        drop(writeln!(std::io::stderr(), "page: NO TEST OF THE PAGE RUNS: {why}"));
    });
}

/// A screenshot of the failure of the test that runs in this thread, in the folder of builds.
fn screenshot_of_this_test() -> PathBuf {
    let name = std::thread::current().name().unwrap_or("a-test").replace("::", "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{name}.png"))
}
