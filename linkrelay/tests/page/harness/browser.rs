//! The browser of one test: pages, elements, and waits that say what they waited for.

use std::path::{Path, PathBuf};

use linkrelay_testkit::process::Process;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, WebDriver, WebElement};

use super::traffic::Traffic;
use super::webdriver::Programs;

/// A browser with one tab or more, of which one is driven.
#[derive(Debug)]
pub(crate) struct Browser {
    pub(super) driver: WebDriver,
    pub(super) traffic: Traffic,
    downloads: TempDir,
    /// Where failures of this test are shown.
    failures: PathBuf,
    _process: Process,
}

impl Browser {
    pub(super) async fn start(programs: &Programs, failures: PathBuf) -> Self {
        let downloads = tempfile::tempdir().unwrap();
        let (process, driver) = programs.start(downloads.path()).await;
        let traffic = Traffic::default();
        Self { driver, traffic, downloads, failures, _process: process }
    }

    /// Opens an address, and waits until everything that it names is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.mark_document().await;
        self.driver.goto(url).await.unwrap();
        self.until_loaded().await;
    }

    async fn mark_document(&self) {
        self.eval::<Value>("window.isLeft = true; return null;").await;
    }

    async fn until_loaded(&self) {
        let body =
            "return !window.isLeft && document.readyState === 'complete' || document.readyState;";
        self.until("the page to be loaded", body).await;
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        self.begin_reload().await;
        self.until_loaded().await;
    }

    /// Begins to load the page again, and does not wait for the server.
    pub(crate) async fn begin_reload(&self) {
        self.mark_document().await;
        self.driver.refresh().await.unwrap();
    }

    /// Goes back in the history.
    pub(crate) async fn back(&self) {
        self.driver.back().await.unwrap();
    }

    /// Runs the body of a function in the page.
    pub(crate) async fn eval<T: DeserializeOwned>(&self, body: &str) -> T {
        self.eval_with(body, json!([])).await
    }

    /// Runs the body of a function, whose arguments are `arguments[0]` and so on. It runs outside
    /// the page's Content-Security-Policy, as the developer tools do.
    pub(crate) async fn eval_with<T: DeserializeOwned>(&self, body: &str, arguments: Value) -> T {
        self.try_eval(body, arguments).await.unwrap_or_else(|error| panic!("{error:?} in {body}"))
    }

    async fn try_eval<T: DeserializeOwned>(
        &self,
        body: &str,
        arguments: Value,
    ) -> WebDriverResult<T> {
        let Value::Array(arguments) = arguments else { panic!("{arguments} is not a list") };
        self.driver.execute(body, arguments).await?.convert()
    }

    /// Waits until the body of a function returns true; anything else is the status that a failure
    /// shows.
    pub(crate) async fn until(&self, what: &str, body: &str) {
        self.until_with(what, body, json!([])).await;
    }

    /// The same with arguments.
    pub(crate) async fn until_with(&self, what: &str, body: &str, arguments: Value) {
        let waited = wait_for(what, LONG, SHORT * 3, async || {
            // A page that is being left has no answer yet.
            match self.try_eval::<Value>(body, arguments.clone()).await {
                Ok(Value::Bool(true)) => Ok(()),
                Ok(status) => Err(status.to_string()),
                Err(error) => Err(error.to_string()),
            }
        });
        self.or_fail(waited.await).await;
    }

    /// Runs the body of a function whose last argument takes the result.
    pub(crate) async fn eval_async<T: DeserializeOwned>(&self, body: &str) -> T {
        self.driver.execute_async(body, Vec::new()).await.unwrap().convert().unwrap()
    }

    /// Waits until such a function gives true.
    pub(crate) async fn until_async(&self, what: &str, body: &str) {
        let waited =
            wait_for(what, LONG, SHORT * 5, async || match self.eval_async::<Value>(body).await {
                Value::Bool(true) => Ok(()),
                status => Err(status.to_string()),
            });
        self.or_fail(waited.await).await;
    }

    /// Waits until no element matches.
    pub(crate) async fn until_gone(&self, selector: &str) {
        self.until_count(selector, 0).await;
    }

    /// Waits until an element is shown.
    pub(crate) async fn until_shown(&self, selector: &str) -> WebElement {
        let what = format!("{selector} to be shown");
        let shown = wait_for(&what, LONG, SHORT * 3, async || {
            let element = self.driver.find(By::Css(selector)).await.map_err(short)?;
            match element.is_displayed().await.map_err(short)? {
                true => Ok(element),
                false => Err("it is hidden".to_owned()),
            }
        });
        self.or_fail(shown.await).await
    }

    /// Waits until a selector matches this number of elements.
    pub(crate) async fn until_count(&self, selector: &str, count: usize) {
        let body = "const n = document.querySelectorAll(arguments[0]).length;
            return n === arguments[1] || n;";
        self.until_with(&format!("{count} of {selector}"), body, json!([selector, count])).await;
    }

    /// Clicks on an element once it takes clicks, and nothing lies above it.
    pub(crate) async fn click(&self, selector: &str) {
        let what = format!("{selector} to be clicked");
        let clicked = wait_for(&what, LONG, SHORT * 3, async || {
            let element = self.driver.find(By::Css(selector)).await.map_err(short)?;
            if !element.is_enabled().await.map_err(short)? {
                return Err("it is disabled".to_owned());
            }
            element.click().await.map_err(short)
        });
        self.or_fail(clicked.await).await;
    }

    /// The text of an element, as a user sees it.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.until_shown(selector).await.text().await.unwrap()
    }

    /// Chooses an option of a `select` by its value.
    pub(crate) async fn choose(&self, selector: &str, value: &str) {
        self.until_shown(selector).await;
        let option = format!("{selector} option[value=\"{value}\"]");
        self.driver.find(By::Css(option)).await.unwrap().click().await.unwrap();
    }

    /// The folder of what it downloads.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.downloads.path().to_owned()
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub(crate) async fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(method, parameters).await.unwrap()
    }

    /// Shows the page in this size, which need not be that of the window.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Opens another tab, which is then driven.
    pub(crate) async fn new_tab(&self) {
        let tab = self.driver.new_tab().await.unwrap();
        self.driver.switch_to_window(tab).await.unwrap();
    }

    /// Closes the tab that is driven; another one is then driven.
    pub(crate) async fn close_tab(&self) {
        // What it has asked for is not known once it is closed.
        self.read_traffic().await;
        self.driver.close_window().await.unwrap();
        let tabs = self.driver.windows().await.unwrap();
        self.driver.switch_to_window(tabs.last().unwrap().clone()).await.unwrap();
    }

    /// Writes a screenshot of what is on the screen.
    pub(crate) async fn take_screenshot(&self, path: &Path) {
        self.driver.screenshot(path).await.unwrap();
    }

    /// Fails with what is on the screen now: afterwards the server is gone.
    async fn or_fail<T>(&self, waited: anyhow::Result<T>) -> T {
        match waited {
            Ok(value) => value,
            Err(error) => panic!("{error:#}\n{}", self.shown().await),
        }
    }

    /// What a failure needs to be understood: a screenshot, the address, the text and the log.
    pub(super) async fn shown(&self) -> String {
        let text: Result<String, _> = self
            .try_eval(
                "return `${location.href}\\n${document.body.innerText.slice(0, 4000)}`",
                json!([]),
            )
            .await;
        let text = text.unwrap_or_else(|error| error.to_string());
        let screenshot = match self.driver.screenshot(&self.failures).await {
            Ok(()) => self.failures.display().to_string(),
            Err(error) => error.to_string(),
        };
        self.read_traffic().await;
        let log = self.traffic.complaints().join("\n");
        format!("screenshot: {screenshot}\npage: {text}\nlog of the browser:\n{log}")
    }

    /// Ends the browser; its driver is killed with the handle.
    pub(super) async fn end(self) {
        self.driver.clone().quit().await.unwrap();
    }
}

/// The first line of an error: the others are chromedriver's own stack.
fn short(error: impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
