//! Whether the page was made for a country in which its video is not shown.
//!
//! The page names both: the viewer's country as YouTube sees it, and those where the video is
//! shown. A player answer does not name the viewer's country, so it stays unknown.

use serde_json::Value;

use super::locate;

/// The keys under which pages since 2020 name the viewer's country.
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
