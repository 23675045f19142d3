//! axe-core in the page: what keeps people from using a view.
//!
//! The script is given by WebDriver, outside the page's Content-Security-Policy, which stays as it is.

use linkrelay_testkit::tools::axe_core;
use serde_json::{Value, json};

use super::Browser;

/// WCAG 2.1 at level AA, and what axe-core's authors think good beside it.
const RULES: [&str; 5] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];

/// What is wrong with the page that is shown; the place is for the reader of a failure.
pub(crate) async fn violations(browser: &Browser, place: &str) -> Vec<String> {
    let script = std::fs::read_to_string(axe_core().unwrap()).unwrap();
    let has_axe: bool = browser.eval("return typeof axe === 'object';").await;
    if !has_axe {
        browser.eval_with::<Value>(&format!("{script}\nreturn null;"), json!([])).await;
    }
    let body = "const done = arguments[1];
        const options = { runOnly: { type: 'tag', values: arguments[0] }, resultTypes: ['violations'], preload: false };
        axe.run(document, options).then(
            (found) => done({ violations: found.violations.map((v) => ({
                id: v.id, help: v.help, nodes: v.nodes.map((n) => `${n.target}: ${n.failureSummary}`).slice(0, 5) })),
                passes: found.passes.length }),
            (error) => done({ error: `${error}` }));";
    let found = browser.driver.execute_async(body, vec![json!(RULES)]).await.unwrap();
    let found = found.json();
    assert!(found["error"].is_null(), "{found}");
    // Without a rule that passed, axe-core has looked at nothing.
    assert!(found["passes"].as_u64() > Some(5), "{found}");
    let list = found["violations"].as_array().unwrap();
    list.iter().map(|violation| format!("{place}: {violation:#}")).collect()
}
