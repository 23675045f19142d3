//! The files, as `build.rs` wrote them into the program.

/// A file in every form that it is answered in.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its path below `assets/`.
    pub(crate) name: &'static str,
    /// Names its content.
    pub(crate) etag: &'static str,
    pub(crate) plain: &'static [u8],
    /// Only where it is smaller.
    pub(crate) brotli: Option<&'static [u8]>,
    pub(crate) gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

impl Asset {
    /// Returns the file of this name, in the order of which they are written.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        let index = ASSETS.binary_search_by(|asset| asset.name.cmp(name)).ok()?;
        ASSETS.get(index)
    }

    /// Returns its media type, by the ending of its name.
    pub(crate) fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_and_has_a_type() {
        assert!(ASSETS.len() > 10, "{}", ASSETS.len());
        for asset in ASSETS {
            assert_eq!(Asset::named(asset.name).map(|found| found.name), Some(asset.name));
            assert_ne!(asset.content_type(), "application/octet-stream", "{}", asset.name);
        }
        assert!(Asset::named("none.js").is_none());
    }
}
