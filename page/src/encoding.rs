//! Which form of a file a client takes, by its `Accept-Encoding` (RFC 9110, 12.5.3).

use axum::http::{HeaderMap, header};

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Plain,
}

impl Encoding {
    /// Returns the smallest form that the client takes.
    pub(crate) fn taken_by(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
        let texts: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        let listed = texts.join(",");
        if takes(&listed, "br") {
            Self::Brotli
        } else if takes(&listed, "gzip") {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    /// Returns the value of `Content-Encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }
}

/// Whether the list has the encoding, or `*` and not the encoding, with another weight than 0.
fn takes(listed: &str, encoding: &str) -> bool {
    let weight_of = |wanted: &str| {
        listed.split(',').find_map(|item| {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            name.trim().eq_ignore_ascii_case(wanted).then(|| weight(parameters))
        })
    };
    weight_of(encoding).or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

/// A weight that cannot be read refuses the encoding: every client takes a plain file.
fn weight(parameters: &str) -> f32 {
    match parameters.trim().split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
            value.trim().parse().unwrap_or(0.0)
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_smallest_form_that_is_taken_is_chosen() {
        for (listed, chosen) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("BR", Encoding::Brotli),
            ("gzip, br;q=0", Encoding::Gzip),
            ("gzip;q=1.0, br; q=0.1", Encoding::Brotli),
            ("br;q=wrong, gzip", Encoding::Gzip),
            ("*", Encoding::Brotli),
            ("*;q=0.5, br;q=0", Encoding::Gzip),
            ("*;q=0", Encoding::Plain),
            ("identity", Encoding::Plain),
            ("brotli", Encoding::Plain),
            ("", Encoding::Plain),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(listed));
            assert_eq!(Encoding::taken_by(&headers), chosen, "{listed}");
        }
        assert_eq!(Encoding::taken_by(&HeaderMap::new()), Encoding::Plain);
    }
}
