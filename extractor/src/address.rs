//! Which server is asked, and which redirects are followed: never to a host outside YouTube.

use linkrelay_common::VideoId;
use url::{Host, Url};

const YOUTUBE: &str = "https://www.youtube.com/";
const GOOGLE_APIS: &str = "https://www.googleapis.com/";
const IMAGES: &str = "https://i.ytimg.com/";

/// The server that is asked as YouTube: www.youtube.com, or the one of `YOUTUBE_BASE_URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    base: Url,
    /// The Data API's server: www.googleapis.com for the real YouTube, the same server otherwise.
    api: Url,
    /// The server of thumbnails: i.ytimg.com for the real YouTube, the same server otherwise.
    images: Url,
    /// Whether this is the real YouTube, whose other hosts may be asked as well.
    is_youtube: bool,
}

/// What to do about a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// It leads to a server that may be asked.
    Follow,
    /// It leads to a page that asks for fewer requests; see [`crate::ExtractError::Throttled`].
    Throttled(&'static str),
    /// It leads to another server.
    Refuse,
}

impl Address {
    /// The real YouTube.
    #[expect(clippy::expect_used, reason = "a constant; the tests below parse it")]
    pub(crate) fn youtube() -> Self {
        let base = Url::parse(YOUTUBE).expect("the address of YouTube is a URL");
        let api = Url::parse(GOOGLE_APIS).expect("the address of its API is a URL");
        let images = Url::parse(IMAGES).expect("the address of its thumbnails is a URL");
        Self { base, api, images, is_youtube: true }
    }

    /// Parses `https://host[:port]`; anything more is an error.
    ///
    /// # Errors
    /// Returns a text that says what is wrong, without any secret of the URL.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let base = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        let has_more = base.path() != "/"
            || base.query().is_some()
            || base.fragment().is_some()
            || !base.username().is_empty()
            || base.password().is_some();
        if base.scheme() != "https" || base.host().is_none() {
            Err("must be of the form https://host:port".to_owned())
        } else if has_more {
            Err("must be https://host:port, without a path, a query or a user".to_owned())
        } else {
            Ok(Self { api: base.clone(), images: base.clone(), base, is_youtube: false })
        }
    }

    /// Whether this is the real YouTube.
    pub(crate) fn is_youtube(&self) -> bool {
        self.is_youtube
    }

    /// The watch page of a video, in English, so that its texts can be parsed.
    pub(crate) fn watch_url(&self, video_id: VideoId) -> Url {
        let mut url = self.base.clone();
        url.set_path("/watch");
        url.query_pairs_mut().append_pair("v", video_id.as_str()).append_pair("hl", "en");
        url
    }

    /// The thumbnail of a video, 320 pixels wide.
    pub(crate) fn thumbnail_url(&self, video_id: VideoId) -> Url {
        let mut url = self.images.clone();
        url.set_path(&format!("/vi/{}/mqdefault.jpg", video_id.as_str()));
        url
    }

    /// The endpoint from which YouTube's player gets the video that it plays.
    pub(crate) fn player_url(&self) -> Url {
        let mut url = self.base.clone();
        url.set_path("/youtubei/v1/player");
        url.set_query(Some("prettyPrint=false"));
        url
    }

    /// The oEmbed endpoint, for sites that embed a video. The link within it is always one to
    /// www.youtube.com, also with `YOUTUBE_BASE_URL`.
    pub(crate) fn oembed_url(&self, video_id: VideoId) -> Url {
        let mut url = self.base.clone();
        url.set_path("/oembed");
        let link = format!("{YOUTUBE}watch?v={}", video_id.as_str());
        url.query_pairs_mut().append_pair("url", &link).append_pair("format", "json");
        url
    }

    /// A resource of the Data API, with these pairs as its query.
    pub(crate) fn api_url(&self, resource: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.api.clone();
        url.set_path(&format!("/youtube/v3/{resource}"));
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// Decides what to do about a redirect to `to`.
    pub(crate) fn classify(&self, to: &Url) -> Redirect {
        let host = to.host_str().unwrap_or_default();
        if host.starts_with("consent.") || to.path() == "/consent" {
            Redirect::Throttled("consent")
        } else if to.path() == "/sorry" || to.path().starts_with("/sorry/") {
            Redirect::Throttled("sorry")
        } else if self.is_allowed(to) {
            Redirect::Follow
        } else {
            Redirect::Refuse
        }
    }

    fn is_allowed(&self, to: &Url) -> bool {
        if to.origin() == self.base.origin() {
            return true;
        }
        let is_youtube_host = match to.host() {
            Some(Host::Domain(host)) => host == "youtube.com" || host.ends_with(".youtube.com"),
            _ => false,
        };
        self.is_youtube && is_youtube_host && to.scheme() == "https" && to.port().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(address: &Address, to: &str) -> Redirect {
        address.classify(&Url::parse(to).unwrap())
    }

    #[test]
    fn only_youtube_s_own_hosts_are_followed() {
        let youtube = Address::youtube();
        for (to, verdict) in [
            ("https://www.youtube.com/watch?v=5fR9AHlSDtc", Redirect::Follow),
            ("https://m.youtube.com/watch?v=5fR9AHlSDtc", Redirect::Follow),
            ("https://youtube.com/", Redirect::Follow),
            ("http://www.youtube.com/", Redirect::Refuse),
            ("https://www.youtube.com:8443/", Redirect::Refuse),
            ("https://notyoutube.com/", Redirect::Refuse),
            ("https://www.youtube.com.example.com/", Redirect::Refuse),
            ("https://127.0.0.1/", Redirect::Refuse),
            ("https://accounts.google.com/ServiceLogin", Redirect::Refuse),
            ("https://consent.youtube.com/m?continue=x", Redirect::Throttled("consent")),
            ("https://consent.google.com/ml", Redirect::Throttled("consent")),
            ("https://www.google.com/sorry/index?continue=x", Redirect::Throttled("sorry")),
        ] {
            assert_eq!(classify(&youtube, to), verdict, "{to}");
        }
    }

    #[test]
    fn with_a_configured_server_no_other_host_is_followed() {
        let fake = Address::parse("https://127.0.0.1:8443").unwrap();
        assert_eq!(classify(&fake, "https://127.0.0.1:8443/other"), Redirect::Follow);
        assert_eq!(classify(&fake, "https://127.0.0.1:9000/"), Redirect::Refuse);
        assert_eq!(classify(&fake, "https://www.youtube.com/"), Redirect::Refuse);
        assert_eq!(
            classify(&fake, "https://127.0.0.1:8443/sorry/index"),
            Redirect::Throttled("sorry")
        );
    }

    #[test]
    fn a_base_url_is_a_scheme_and_a_host_and_nothing_more() {
        for good in ["https://localhost:8443", "https://localhost:8443/", "https://[::1]:1"] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost:8443",
            "http://localhost:8443",
            "https://",
            "https://host/path",
            "https://host/?a=1",
            "https://user:secret@host",
        ] {
            let problem = Address::parse(bad).unwrap_err();
            assert!(!problem.contains("secret"), "{problem}");
        }
    }

    #[test]
    fn only_the_id_goes_into_the_url() {
        let id = VideoId::parse("5fR9AHlSDtc").unwrap();
        let youtube = Address::youtube();
        for (url, expected) in [
            (youtube.watch_url(id), "https://www.youtube.com/watch?v=5fR9AHlSDtc&hl=en"),
            (youtube.thumbnail_url(id), "https://i.ytimg.com/vi/5fR9AHlSDtc/mqdefault.jpg"),
            (youtube.player_url(), "https://www.youtube.com/youtubei/v1/player?prettyPrint=false"),
            (
                youtube.oembed_url(id),
                "https://www.youtube.com/oembed?url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D\
                 5fR9AHlSDtc&format=json",
            ),
        ] {
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn a_value_of_a_query_is_never_more_than_one_value() {
        let query =
            [("part", "snippet,status"), ("id", "../a?b&c=#"), ("forHandle", "@m\u{fc}ller")];
        let url = Address::youtube().api_url("channels", &query);
        let expected = "https://www.googleapis.com/youtube/v3/channels?part=snippet%2Cstatus&\
                        id=..%2Fa%3Fb%26c%3D%23&forHandle=%40m%C3%BCller";
        assert_eq!(url.as_str(), expected);
    }
}
