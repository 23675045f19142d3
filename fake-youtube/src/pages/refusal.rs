//! Pages that are about no video: consent, "unusual traffic", not found.

use super::escape;

/// The form that European visitors without a cookie get in place of every page.
pub fn consent_page(continue_to: &str) -> String {
    let continue_to = escape::html(continue_to);
    format!(
        r#"<!DOCTYPE html><html lang="de" dir="ltr"><head><title>Bevor Sie zu YouTube weitergehen</title></head><body><div class="box"><h1>Bevor Sie zu YouTube weitergehen</h1><form action="https://consent.youtube.com/save" method="POST" style="display:inline;"><input type="hidden" name="gl" value="DE"><input type="hidden" name="m" value="0"><input type="hidden" name="pc" value="yt"><input type="hidden" name="continue" value="{continue_to}"><input type="hidden" name="hl" value="de"><input type="submit" value="Alle akzeptieren" class="button"></form></div></body></html>"#
    )
}

/// The page that wants a captcha solved, served with status 429.
pub fn sorry_page(continue_to: &str) -> String {
    let continue_to = escape::html(continue_to);
    format!(
        r#"<!DOCTYPE html><html><head><title>{continue_to}</title></head><body><form id="captcha-form" action="index" method="post"><div id="recaptcha" class="g-recaptcha" data-sitekey="none"></div><input type="hidden" name="continue" value="{continue_to}"></form><div>About this page<br>Our systems have detected unusual traffic from your computer network.</div></body></html>"#
    )
}

/// The page of status 404.
pub const NOT_FOUND_PAGE: &str = r#"<!DOCTYPE html><html lang="en"><head><title>404 Not Found</title></head><body><p>This page isn't available. Sorry about that.</p></body></html>"#;
