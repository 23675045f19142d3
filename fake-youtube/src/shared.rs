//! What all connections of a server share.

use tokio_util::sync::CancellationToken;

use crate::corpus::Corpus;
use crate::edits::Edits;
use crate::faults::Faults;
use crate::gzip::Padding;
use crate::hits::Counters;
use crate::latency::Latency;
use crate::settings::FakeYouTubeSettings;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) faults: Faults,
    pub(crate) edits: Edits,
    pub(crate) hits: Counters,
    pub(crate) latency: Latency,
    pub(crate) corpus: Option<Corpus>,
    /// Pads watch pages to the size in the settings.
    pub(crate) padding: Padding,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn new(settings: &FakeYouTubeSettings, corpus: Option<Corpus>) -> Self {
        Self {
            faults: Faults::new(settings),
            edits: Edits::default(),
            hits: Counters::default(),
            latency: Latency::new(settings.latency, settings.latency_jitter, settings.seed),
            corpus,
            padding: Padding::new(settings.page_bytes, settings.gzip),
            stop: CancellationToken::new(),
        }
    }
}
