//! Finds Chromium and its driver, and starts both: one driver and one browser for each test.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::LONG;
use serde_json::{Value, json};
use thirtyfour::{Capabilities, WebDriver};

use super::client::Client;

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DRIVER: &str = "chromedriver";

/// Every name but this machine's fails at once: a page that asks another host fails its test, and
/// the browser itself reaches no other host.
const NO_OTHER_HOST: &str = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";

/// The programs of a browser.
#[derive(Debug)]
pub(super) struct Programs {
    browser: PathBuf,
    driver: PathBuf,
}

impl Programs {
    /// Finds both.
    ///
    /// # Errors
    /// If one is missing, with the command that installs it.
    pub(super) fn find() -> Result<Self, String> {
        let browser = BROWSERS.iter().find_map(|name| in_path(name));
        match (browser, in_path(DRIVER)) {
            (Some(browser), Some(driver)) => Ok(Self { browser, driver }),
            (None, _) => Err(missing("Chromium")),
            (_, None) => Err(missing(DRIVER)),
        }
    }

    /// Starts the driver, which is killed with its handle, and a browser, which ends with the driver.
    pub(super) async fn start(&self, downloads: &Path) -> (Process, WebDriver) {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        let mut process = ProcessBuilder::new(DRIVER, &self.driver)
            .arg(format!("--port={}", addr.port()))
            .spawn()
            .unwrap();
        process.until_accepts(addr, LONG).await.unwrap();
        let Value::Object(wanted) = self.capabilities(downloads) else { unreachable!("an object") };
        let driver = WebDriver::builder(format!("http://{addr}"), Capabilities::from(wanted))
            .client(Client::new())
            .connect()
            .await;
        (process, driver.unwrap())
    }

    fn capabilities(&self, downloads: &Path) -> Value {
        json!({
            "browserName": "chrome",
            // No command waits for a page that is being loaded: a test pauses servers.
            "pageLoadStrategy": "none",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": {
                "binary": self.browser,
                "args": [
                    "--headless=new",
                    // Chromium refuses to have its sandbox as root, as in a container.
                    "--no-sandbox",
                    // The shared memory of a container is small.
                    "--disable-dev-shm-usage",
                    // The browser ends when its driver does, even if that is killed.
                    "--remote-debugging-pipe",
                    // The same letters and languages on every machine.
                    "--lang=en-US",
                    "--accept-lang=en-US,en",
                    "--font-render-hinting=none",
                    "--hide-scrollbars",
                    "--window-size=1280,900",
                    NO_OTHER_HOST,
                ],
                "prefs": { "download.default_directory": downloads },
            },
        })
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn missing(name: &str) -> String {
    format!("{name} is missing: run scripts/bootstrap.sh --tests")
}
