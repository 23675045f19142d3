//! Pages that are not about a video: "unusual traffic" and not found.

use super::escape;

/// Returns the page with a captcha, for the status 429.
pub fn sorry_page(continue_to: &str) -> String {
    let continue_to = escape::html(continue_to);
    format!(
        r#"<!DOCTYPE html><html><head><title>{continue_to}</title></head><body><form id="captcha-form" action="index" method="post"><div id="recaptcha" class="g-recaptcha" data-sitekey="none"></div><input type="hidden" name="continue" value="{continue_to}"></form><div>About this page<br>Our systems have detected unusual traffic from your computer network.</div></body></html>"#
    )
}

/// The page for the status 404.
pub const NOT_FOUND_PAGE: &str = r#"<!DOCTYPE html><html lang="en"><head><title>404 Not Found</title></head><body><p>This page isn't available. Sorry about that.</p></body></html>"#;
