//! Addresses that only redirect to another one, which is in them: YouTube's own, and those that
//! large sites put before every link.
//!
//! Only what is listed here is opened: an address of any other site is never searched for a video.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{host_of, is_http, is_of_domain, parse_url};

const YOUTUBE: &str = "https://www.youtube.com/";

/// A domain, the beginning of a path, and the parameters of which one is the address.
type Redirector = (&'static str, &'static str, &'static [&'static str]);

const REDIRECTORS: [Redirector; 42] = [
    ("youtube.com", "/attribution_link", &["u"]),
    ("youtube.com", "/redirect", &["q", "url"]),
    ("youtube.com", "/signin", &["next", "continue"]),
    ("youtube.com", "/oembed", &["url"]),
    ("youtube.com", "/verify_", &["next_url", "next"]),
    ("youtube.com", "/das_captcha", &["next"]),
    ("consent.youtube.com", "/", &["continue"]),
    ("accounts.youtube.com", "/", &["continue"]),
    ("accounts.google.com", "/", &["continue"]),
    (GOOGLE, "/url", &["q", "url"]),
    (GOOGLE, "/sorry", &["continue"]),
    (GOOGLE, "/imgres", &["imgrefurl"]),
    (GOOGLE, "/m", &["continue"]),
    ("facebook.com", "/l.php", &["u"]),
    ("facebook.com", "/flx/warn", &["u"]),
    ("facebook.com", "/sharer", &["u"]),
    ("l.instagram.com", "/", &["u"]),
    ("l.messenger.com", "/", &["u"]),
    ("l.threads.com", "/", &["u"]),
    ("l.threads.net", "/", &["u"]),
    ("l.wl.co", "/l", &["u"]),
    ("out.reddit.com", "/", &["url"]),
    ("twitter.com", "/intent", &["url"]),
    ("x.com", "/intent", &["url"]),
    ("t.me", "/share", &["url"]),
    ("vk.com", "/away.php", &["to"]),
    ("steamcommunity.com", "/linkfilter", &["url", "u"]),
    ("t.umblr.com", "/redirect", &["z"]),
    ("linkedin.com", "/redir", &["url"]),
    ("linkedin.com", "/safety/go", &["url"]),
    ("slack-redir.net", "/link", &["url"]),
    ("safelinks.protection.outlook.com", "/", &["url"]),
    ("statics.teams.cdn.office.net", "/", &["url"]),
    ("duckduckgo.com", "/l", &["uddg"]),
    ("pinterest.com", "/offsite", &["url"]),
    ("link.zhihu.com", "/", &["target"]),
    ("weibo.cn", "/sinaurl", &["u", "toasturl"]),
    ("weibo.com", "/sinaurl", &["u", "toasturl"]),
    ("exit.sc", "/", &["url"]),
    ("disq.us", "/url", &["url"]),
    ("deref-mail.com", "/", &["redirectUrl"]),
    ("deref-gmx.net", "/", &["redirectUrl"]),
];
/// Means `google.` with any country behind it.
const GOOGLE: &str = "google.*";

/// Returns the address that this one leads to, if it is one of those that carry another.
pub(super) fn inner(url: &Url) -> Option<Url> {
    let host = host_of(url)?;
    carried(url, host).and_then(|text| absolute(&text, host))
}

/// Whether an address is one of those that carry another, even if none is in it.
pub(super) fn is_redirector(url: &Url) -> bool {
    let Some(host) = host_of(url) else { return false };
    rules(url, host).next().is_some() || is_special(host)
}

fn carried(url: &Url, host: &str) -> Option<String> {
    for (_, _, names) in rules(url, host) {
        for wanted in *names {
            if let Some((_, value)) = url.query_pairs().find(|(name, _)| name == wanted) {
                return Some(value.into_owned());
            }
        }
    }
    match host {
        _ if is_of_domain(host, "youtube.com") => video_parameter_with_an_address(url),
        "urldefense.com" => of_urldefense_v3(url),
        "urldefense.proofpoint.com" => of_urldefense_v2(url),
        "href.li" => url.query().map(str::to_owned),
        "r.search.yahoo.com" => {
            url.path_segments()?.find_map(|part| part.strip_prefix("RU=")).map(decoded)
        }
        _ if is_of_domain(host, "bing.com") => of_bing(url),
        _ => None,
    }
}

fn is_special(host: &str) -> bool {
    ["urldefense.com", "urldefense.proofpoint.com", "href.li", "r.search.yahoo.com"].contains(&host)
        || is_of_domain(host, "bing.com")
}

fn rules<'a>(url: &'a Url, host: &'a str) -> impl Iterator<Item = &'static Redirector> + 'a {
    REDIRECTORS.iter().filter(move |(domain, path, _)| {
        let is_host = if *domain == GOOGLE { is_google(host) } else { is_of_domain(host, domain) };
        is_host && url.path().starts_with(path)
    })
}

/// google.com, www.google.co.uk, consent.google.de.
fn is_google(host: &str) -> bool {
    let host = host.strip_prefix("www.").or_else(|| host.strip_prefix("consent.")).unwrap_or(host);
    let labels: Vec<&str> = host.split('.').collect();
    matches!(labels.as_slice(), ["google", rest @ ..]
        if matches!(rest.len(), 1 | 2) && rest.iter().all(|label| label.len() <= 3))
}

/// Returns the address in a carried text; YouTube's own pages leave the host out of theirs.
fn absolute(text: &str, host: &str) -> Option<Url> {
    let mut text = text.trim().to_owned();
    while text.get(..10).is_some_and(|start| start.to_ascii_lowercase().contains("%3a%2f")) {
        text = decoded(&text);
    }
    let is_path = text.starts_with('/') && !text.starts_with("//");
    if is_path && is_of_domain(host, "youtube.com") {
        return Url::parse(YOUTUBE).ok()?.join(&text).ok();
    }
    parse_url(&text).ok()
}

/// `watch?v=https://youtu.be/ID`, typed by people who were asked for "the v".
fn video_parameter_with_an_address(url: &Url) -> Option<String> {
    let (_, value) = url.query_pairs().find(|(name, _)| name == "v")?;
    value.split_once("://").filter(|(scheme, _)| is_http(scheme))?;
    Some(value.into_owned())
}

/// `/v3/__https://…__;…` (help.proofpoint.com).
fn of_urldefense_v3(url: &Url) -> Option<String> {
    let (_, text) = url.as_str().split_once("/v3/__")?;
    Some(text.split_once("__;").map_or(text, |(text, _)| text).to_owned())
}

/// `/v2/url?u=https-3A__www.youtube.com_watch-3Fv-3DID`: `-` for `%`, `_` for `/`.
fn of_urldefense_v2(url: &Url) -> Option<String> {
    let (_, value) = url.query_pairs().find(|(name, _)| name == "u")?;
    Some(decoded(&value.replace('-', "%").replace('_', "/")))
}

/// `/ck/a?…&u=a1<base64>`.
fn of_bing(url: &Url) -> Option<String> {
    let (_, value) = url.query_pairs().find(|(name, _)| name == "u")?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(value.strip_prefix("a1")?).ok()?;
    String::from_utf8(bytes).ok()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
