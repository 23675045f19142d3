//! The extractor's settings; `build` makes an extractor from them.

mod build;
mod parts;
mod proxies;
#[cfg(feature = "rusty-ytdl")]
mod rusty_ytdl;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub(crate) use build::{address, certificates};
pub use parts::PartAlone;

const DEFAULT_EXTRACTORS: &str = if cfg!(feature = "rusty-ytdl") {
    "watch_page,innertube,rusty_ytdl,oembed"
} else {
    "watch_page,innertube,oembed"
};
#[cfg(feature = "rusty-ytdl")]
const DEFAULT_CPU_THREADS: usize = 1;
/// The first video of YouTube, public since April 2005.
const DEFAULT_CANARY: &str = "jNQXAC9IVRw";
/// The value of CANARY_VIDEO that turns the check off. An empty one does not: a compose file passes
/// an unset variable on as an empty one.
const NO_CANARY: &str = "off";
const DEFAULT_MAX_CONCURRENT_FETCHES: usize = 64;
const DEFAULT_CACHE_ENTRIES: u64 = 10_000;

/// The settings for how metadata is found.
#[derive(Debug, Clone, clap::Args)]
pub struct ExtractorSettings {
    /// Strategies in the order in which they are tried, separated by commas: those of the default,
    /// and data_api, which needs YOUTUBE_API_KEY
    #[arg(long, env = "EXTRACTORS", default_value = DEFAULT_EXTRACTORS)]
    pub extractors: String,

    /// A key of the YouTube Data API v3, for the strategy data_api, and for playlists and channels
    #[arg(long, env = "YOUTUBE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub youtube_api_key: Option<SecretString>,

    /// The server that all strategies ask instead of www.youtube.com, as https://host:port
    #[arg(long, env = "YOUTUBE_BASE_URL")]
    pub youtube_base_url: Option<String>,

    /// A PEM file with certificates to trust in addition to the well-known ones, for
    /// YOUTUBE_BASE_URL
    #[arg(long, env = "YOUTUBE_CA_CERT")]
    pub youtube_ca_cert: Option<PathBuf>,

    /// Proxies through which youtube.com is asked, in rotation, separated by commas: http://,
    /// https:// or socks5://, each with user:password@ if it needs one
    #[arg(long, env = "PROXY_URLS", hide_env_values = true, value_name = "URLS")]
    pub proxy_urls: Option<SecretString>,

    /// How long it may take to connect to YouTube
    #[arg(long, env = "EXTRACTOR_CONNECT_TIMEOUT", default_value = "5s", value_parser = humantime::parse_duration)]
    pub extractor_connect_timeout: Duration,

    /// How long YouTube may be silent within an answer
    #[arg(long, env = "EXTRACTOR_READ_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub extractor_read_timeout: Duration,

    /// How long one request to YouTube may take as a whole
    #[arg(long, env = "EXTRACTOR_TIMEOUT", default_value = "15s", value_parser = humantime::parse_duration)]
    pub extractor_timeout: Duration,

    /// Threads on which rusty_ytdl reads pages, from 1 to 64
    #[cfg(feature = "rusty-ytdl")]
    #[arg(long, env = "EXTRACTOR_CPU_THREADS", default_value_t = DEFAULT_CPU_THREADS)]
    pub extractor_cpu_threads: usize,

    /// Requests of the process to YouTube that may be in flight; fewer after throttling
    #[arg(long, env = "MAX_CONCURRENT_FETCHES", default_value_t = DEFAULT_MAX_CONCURRENT_FETCHES)]
    pub max_concurrent_fetches: usize,

    /// Requests of the process to YouTube per second, in equal steps; 0 sets no rate
    #[arg(long, env = "REQUESTS_PER_SECOND", default_value_t = 0.0)]
    pub requests_per_second: f64,

    /// How long the process waits after throttling if YouTube names no time; doubled each time in
    /// a row
    #[arg(long, env = "COOL_DOWN_MIN", default_value = "1s", value_parser = humantime::parse_duration)]
    pub cool_down_min: Duration,

    /// The longest wait after throttling, even if YouTube names a longer one
    #[arg(long, env = "COOL_DOWN_MAX", default_value = "5m", value_parser = humantime::parse_duration)]
    pub cool_down_max: Duration,

    /// The id of a public video: a refusal of another one counts only if YouTube finds this one, or
    /// others meanwhile; "off" believes every refusal
    #[arg(long, env = "CANARY_VIDEO", default_value = DEFAULT_CANARY, value_name = "ID")]
    pub canary_video: String,

    /// Answers that are cached (one with a long description counts as several); 0 caches none
    #[arg(long, env = "CACHE_ENTRIES", default_value_t = DEFAULT_CACHE_ENTRIES)]
    pub cache_entries: u64,

    /// How long metadata is cached
    #[arg(long, env = "CACHE_TTL", default_value = "10m", value_parser = humantime::parse_duration)]
    pub cache_ttl: Duration,

    /// How long it is cached that a video is private, deleted and the like
    #[arg(long, env = "CACHE_NEGATIVE_TTL", default_value = "1m", value_parser = humantime::parse_duration)]
    pub cache_negative_ttl: Duration,
}

impl Default for ExtractorSettings {
    fn default() -> Self {
        Self {
            extractors: DEFAULT_EXTRACTORS.to_owned(),
            youtube_api_key: None,
            youtube_base_url: None,
            youtube_ca_cert: None,
            proxy_urls: None,
            extractor_connect_timeout: Duration::from_secs(5),
            extractor_read_timeout: Duration::from_secs(10),
            extractor_timeout: Duration::from_secs(15),
            #[cfg(feature = "rusty-ytdl")]
            extractor_cpu_threads: DEFAULT_CPU_THREADS,
            max_concurrent_fetches: DEFAULT_MAX_CONCURRENT_FETCHES,
            requests_per_second: 0.0,
            cool_down_min: Duration::from_secs(1),
            cool_down_max: Duration::from_secs(300),
            canary_video: DEFAULT_CANARY.to_owned(),
            cache_entries: DEFAULT_CACHE_ENTRIES,
            cache_ttl: Duration::from_secs(600),
            cache_negative_ttl: Duration::from_secs(60),
        }
    }
}
