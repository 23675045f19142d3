//! Whether the page was made for a country in which its video is not shown.
//!
//! The page names both: the country that it believes us to be in, and those where the video
//! may be seen. A player answer names no country; there the question stays open.

use serde_json::Value;

use super::locate;

/// Where pages of 2020 and later name the viewer's country.
const VIEWER_KEYS: [&[u8]; 2] = [b"\"INNERTUBE_CONTEXT_GL\":", b"\"GL\":"];

/// Whether the viewer's country is known and not among those of the video.
pub(super) fn is_blocked_here(body: &[u8], renderer: &Value) -> bool {
    let Some(countries) = renderer.get("availableCountries").and_then(Value::as_array) else {
        return false;
    };
    let viewer = VIEWER_KEYS.iter().find_map(|key| locate::value_of::<String>(body, key));
    viewer.is_some_and(|viewer| !countries.iter().any(|country| *country == *viewer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_known_country_outside_the_list_is_blocked() {
        let renderer = json!({"availableCountries": ["DE", "FR"]});
        assert!(is_blocked_here(b"\"INNERTUBE_CONTEXT_GL\":\"US\"", &renderer));
        assert!(is_blocked_here(b"\"GL\":\"US\"", &renderer));
        assert!(!is_blocked_here(b"\"GL\":\"DE\"", &renderer));
        assert!(!is_blocked_here(b"no country", &renderer));
        assert!(!is_blocked_here(b"\"GL\":\"US\"", &json!({})));
    }
}
