//! The programs of YouTube as which linkrelay asks. It is a table, because YouTube refuses old
//! ones over time: then change the version here, or replace the program.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN, USER_AGENT};
use serde_json::{Value, json};

const CLIENT_NAME: HeaderName = HeaderName::from_static("x-youtube-client-name");
const CLIENT_VERSION: HeaderName = HeaderName::from_static("x-youtube-client-version");

/// One program, as it identifies itself to YouTube.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    version: &'static str,
    /// YouTube's own number of the program.
    number: &'static str,
    /// `None` for a browser, whose User-Agent every request has.
    user_agent: Option<&'static str>,
    /// Further members of `context.client`.
    extra: &'static [(&'static str, &'static str)],
    /// Whether this is a page: it gets more (date, category, likes) and sends an Origin.
    pub(super) is_web: bool,
}

/// The programs in the order in which they are used: the one that gets most comes first, and the
/// other is used when the first is refused.
pub(super) const PROFILES: [Profile; 2] = [
    Profile {
        name: "WEB",
        version: "2.20250925.01.00",
        number: "1",
        user_agent: None,
        extra: &[],
        is_web: true,
    },
    Profile {
        name: "ANDROID",
        version: "20.10.38",
        number: "3",
        user_agent: Some("com.google.android.youtube/20.10.38 (Linux; U; Android 11) gzip"),
        extra: &[("osName", "Android"), ("osVersion", "11")],
        is_web: false,
    },
];

impl Profile {
    /// Returns the body of a request about a video, in English. It confirms the checks that a
    /// player would show to its viewer, because nothing is played here.
    pub(super) fn request_body(&self, video_id: &str) -> Value {
        let mut client = json!({
            "clientName": self.name, "clientVersion": self.version, "hl": "en",
        });
        for (key, value) in self.extra {
            client[*key] = json!(value);
        }
        json!({
            "context": {"client": client},
            "videoId": video_id,
            "contentCheckOk": true,
            "racyCheckOk": true,
        })
    }

    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CLIENT_NAME, HeaderValue::from_static(self.number));
        headers.insert(CLIENT_VERSION, HeaderValue::from_static(self.version));
        if let Some(user_agent) = self.user_agent {
            headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
        }
        if self.is_web {
            headers.insert(ORIGIN, HeaderValue::from_static("https://www.youtube.com"));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_video_and_the_program() {
        for profile in &PROFILES {
            let request_body = profile.request_body("5fR9AHlSDtc");
            assert_eq!(request_body["videoId"], "5fR9AHlSDtc");
            let client = &request_body["context"]["client"];
            assert_eq!(client["clientName"], profile.name);
            assert_eq!(client["hl"], "en");
            assert_eq!(
                profile.headers()[CLIENT_VERSION],
                client["clientVersion"].as_str().unwrap()
            );
        }
    }
}
