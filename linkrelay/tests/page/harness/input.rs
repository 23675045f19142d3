//! Keys and text, as a user gives them.

use std::path::Path;

use serde_json::json;
use thirtyfour::{By, Key, TypingData};

use super::Browser;

impl Browser {
    /// Presses keys in the element that has the focus.
    pub(crate) async fn press(&self, keys: impl Into<TypingData>) {
        let keys = keys.into().as_vec();
        let chain = keys
            .into_iter()
            .fold(self.driver.action_chain(), |chain, key| chain.key_down(key).key_up(key));
        chain.perform().await.unwrap();
    }

    /// Presses a key while another is held.
    pub(crate) async fn press_with(&self, held: Key, key: impl Into<TypingData>) {
        let keys = key.into().as_vec();
        let chain = self.driver.action_chain().key_down(held.clone());
        let chain = keys.into_iter().fold(chain, |chain, key| chain.key_down(key).key_up(key));
        chain.key_up(held).perform().await.unwrap();
    }

    /// Types into an element.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.until_shown(selector).await.send_keys(text).await.unwrap();
    }

    /// Pastes a text into an element, by the clipboard, instead of what is in it.
    pub(crate) async fn paste(&self, selector: &str, text: &str) {
        let permissions =
            json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.cdp("Browser.grantPermissions", permissions).await;
        self.click(selector).await;
        let body = "const done = arguments[1];
            navigator.clipboard.writeText(arguments[0]).then(() => done(null), (error) => done(`${error}`));";
        let copied = self.driver.execute_async(body, vec![json!(text)]).await.unwrap();
        assert!(copied.json().is_null(), "{:?}", copied.json());
        self.press_with(Key::Control, "a").await;
        self.press_with(Key::Control, "v").await;
        let arrived = "const value = document.querySelector(arguments[0]).value;
            return value.includes(arguments[1]) || value.length;";
        self.until_with("the pasted text", arrived, json!([selector, text])).await;
    }

    /// Shows a text that an input method is composing in the element that has the focus.
    pub(crate) async fn compose(&self, text: &str) {
        let length = text.encode_utf16().count();
        let shown = json!({ "text": text, "selectionStart": length, "selectionEnd": length });
        self.cdp("Input.imeSetComposition", shown).await;
    }

    /// Ends the composition with this text.
    pub(crate) async fn commit(&self, text: &str) {
        self.cdp("Input.insertText", json!({ "text": text })).await;
    }

    /// Describes the element that has the focus: its name, id and text.
    pub(crate) async fn focused(&self) -> String {
        self.eval(
            "const e = document.activeElement;
            return `${e.localName}#${e.id} ${(e.ariaLabel || e.innerText || '').slice(0, 40)}`;",
        )
        .await
    }

    /// Gives a file to an input.
    pub(crate) async fn upload(&self, selector: &str, path: &Path) {
        // It may be hidden behind its label.
        self.until_count(selector, 1).await;
        let input = self.driver.find(By::Css(selector)).await.unwrap();
        input.send_keys(path.display().to_string()).await.unwrap();
    }

    /// Fails if nothing shows where the focus is.
    pub(crate) async fn check_focus_is_visible(&self) {
        let is_visible: bool = self
            .eval(
                "return [null, '::before', '::after'].some((part) => {
                    const s = getComputedStyle(document.activeElement, part);
                    return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
                });",
            )
            .await;
        assert!(is_visible, "the focus on {} is not visible", self.focused().await);
    }

    /// Presses Tab until the focus is on an element, and fails after this many.
    pub(crate) async fn tab_to(&self, selector: &str, most: usize) {
        self.go_to(selector, most, async || self.press(Key::Tab).await).await;
    }

    /// The same in the other direction.
    pub(crate) async fn tab_back_to(&self, selector: &str, most: usize) {
        self.go_to(selector, most, async || self.press_with(Key::Shift, Key::Tab).await).await;
    }

    async fn go_to(&self, selector: &str, most: usize, step: impl AsyncFn()) {
        let mut passed = Vec::new();
        for _ in 0..most {
            let is_there = "return document.activeElement.matches(arguments[0]);";
            if self.eval_with(is_there, json!([selector])).await {
                return;
            }
            passed.push(self.focused().await);
            step().await;
        }
        panic!("{most} steps do not lead to {selector}: {passed:#?}");
    }
}
