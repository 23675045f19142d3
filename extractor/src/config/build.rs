//! Builds the extractor from its settings: each is checked, and an error names the wrong one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::{SettingsError, VideoId};
use reqwest::header::HeaderValue;
use reqwest::{Certificate, Proxy};
use secrecy::ExposeSecret;

use super::{DEFAULT_CANARY, ExtractorSettings, NO_CANARY, proxies};
use crate::address::Address;
use crate::cache::{CacheSettings, Cached};
use crate::chain::Chain;
use crate::client::{Timeouts, YouTubeClient};
use crate::extractor::Extractor;
use crate::gate::polite::Polite;
use crate::gate::{Canary, Exits, GateSettings, Pacer};
use crate::strategies::{
    DataApi, DataApiClient, Innertube, ListLookup, Oembed, StrategyName, WatchPage,
};
use crate::{Extract, Strategy};

const EXTRACTORS: &str = "EXTRACTORS";
const API_KEY: &str = "YOUTUBE_API_KEY";
const BASE_URL: &str = "YOUTUBE_BASE_URL";
const CA_CERT: &str = "YOUTUBE_CA_CERT";
const PROXIES: &str = "PROXY_URLS";
const CONNECT_TIMEOUT: &str = "EXTRACTOR_CONNECT_TIMEOUT";
const READ_TIMEOUT: &str = "EXTRACTOR_READ_TIMEOUT";
const TIMEOUT: &str = "EXTRACTOR_TIMEOUT";
const MAX_FETCHES: &str = "MAX_CONCURRENT_FETCHES";
const RATE: &str = "REQUESTS_PER_SECOND";
const COOL_DOWN_MIN: &str = "COOL_DOWN_MIN";
const COOL_DOWN_MAX: &str = "COOL_DOWN_MAX";
const CANARY: &str = "CANARY_VIDEO";

const MAX_MAX_FETCHES: usize = 10_000;
/// The highest rate; its inverse is the lowest.
const MAX_RATE: f64 = 100_000.0;

/// Makes a strategy that asks through a client.
pub(super) type MakeStrategy = Box<dyn Fn(YouTubeClient) -> Arc<dyn Strategy>>;

impl ExtractorSettings {
    /// Builds the extractor. Reads the certificate file, but makes no request.
    ///
    /// # Errors
    /// Names the first setting that cannot work.
    pub fn build(&self) -> Result<Arc<dyn Extract>, SettingsError> {
        Ok(self.build_extractor()?)
    }

    /// Like [`ExtractorSettings::build`], for callers that also need [`Extractor::state`].
    ///
    /// # Errors
    /// Names the first setting that cannot work.
    pub fn build_extractor(&self) -> Result<Arc<Extractor>, SettingsError> {
        let names = self.strategy_names()?;
        let timeouts = self.timeouts()?;
        let certificates = self.certificates()?;
        let (address, pacer) = (self.address()?, Arc::new(Pacer::new(self.step()?)));
        let client = |proxy| {
            YouTubeClient::new(
                address.clone(),
                certificates.clone(),
                timeouts,
                pacer.clone(),
                proxy,
            )
            .map_err(|error| SettingsError::new(CA_CERT, format!("cannot be used: {error}")))
        };
        let gate = self.gate()?;
        let (exits, clients) = self.exit_clients(gate.max_concurrent, client)?;
        let exits = Arc::new(Exits::new(exits, gate));
        let canary = self.canary()?.map(|video_id| Arc::new(Canary::new(video_id)));
        let api = self.api(&clients[0])?;
        let polite = |name| -> Result<Arc<dyn Strategy>, SettingsError> {
            let make = self.strategy(name, api.as_ref())?;
            // The Data API is another service with its own limits, and is asked directly. Its "there
            // is no such video" is not a rate limit.
            if name == StrategyName::DataApi {
                return Ok(make(clients[0].clone()));
            }
            let by_exit = clients.iter().cloned().map(make).collect();
            Ok(Arc::new(Polite::new(by_exit, exits.clone(), canary.clone())))
        };
        let strategies = names.into_iter().map(polite).collect::<Result<_, _>>()?;
        let chain = Arc::new(Chain::new(strategies));
        let cached = Cached::new(chain.clone(), self.cache());
        Ok(Arc::new(Extractor::new(chain, exits, cached, api.map(ListLookup::new))))
    }

    /// Returns a function that makes this strategy for a client; what is expensive is shared by
    /// the strategies that it makes.
    fn strategy(
        &self,
        name: StrategyName,
        api: Option<&Arc<DataApiClient>>,
    ) -> Result<MakeStrategy, SettingsError> {
        Ok(match name {
            StrategyName::DataApi => {
                let api = api.cloned().ok_or_else(|| {
                    let problem = "must be set, because EXTRACTORS contains data_api";
                    SettingsError::new(API_KEY, problem)
                })?;
                Box::new(move |_| Arc::new(DataApi::new(api.clone())))
            }
            StrategyName::WatchPage => Box::new(|client| Arc::new(WatchPage::new(client))),
            #[cfg(feature = "rusty-ytdl")]
            StrategyName::RustyYtdl => self.rusty_ytdl()?,
            StrategyName::Innertube => Box::new(|client| Arc::new(Innertube::new(client))),
            StrategyName::Oembed => Box::new(|client| Arc::new(Oembed::new(client))),
        })
    }

    /// Returns the exits to YouTube, at least one: the names and the clients of the proxies, or of
    /// the direct connection.
    fn exit_clients(
        &self,
        max_concurrent: usize,
        client: impl Fn(Option<Proxy>) -> Result<YouTubeClient, SettingsError>,
    ) -> Result<(Vec<String>, Vec<YouTubeClient>), SettingsError> {
        let urls = self.proxy_urls.as_ref().map_or("", |urls| urls.expose_secret());
        let proxies =
            proxies::parse(urls).map_err(|problem| SettingsError::new(PROXIES, problem))?;
        if proxies.len() > max_concurrent {
            let problem = format!(
                "has {} proxies for {max_concurrent} concurrent requests ({MAX_FETCHES})",
                proxies.len()
            );
            return Err(SettingsError::new(PROXIES, problem));
        }
        if proxies.is_empty() {
            return Ok((vec!["directly".to_owned()], vec![client(None)?]));
        }
        let (names, proxies): (Vec<_>, Vec<_>) = proxies.into_iter().unzip();
        let clients =
            proxies.into_iter().map(|proxy| client(Some(proxy))).collect::<Result<_, _>>()?;
        Ok((names, clients))
    }

    /// Whether there is a key of the Data API, without which no list can be expanded.
    pub fn has_api_key(&self) -> bool {
        self.youtube_api_key.as_ref().is_some_and(|key| !key.expose_secret().is_empty())
    }

    /// Makes the Data API's client, if there is a key for it. All callers share it, because they
    /// share one quota. The error does not show the key.
    fn api(&self, client: &YouTubeClient) -> Result<Option<Arc<DataApiClient>>, SettingsError> {
        let key = self.youtube_api_key.as_ref().map(ExposeSecret::expose_secret);
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Ok(None);
        };
        let mut key = HeaderValue::from_str(key)
            .map_err(|_| SettingsError::new(API_KEY, "has characters that no key has"))?;
        key.set_sensitive(true);
        Ok(Some(Arc::new(DataApiClient::new(client.clone(), key))))
    }

    pub(super) fn strategy_names(&self) -> Result<Vec<StrategyName>, SettingsError> {
        let known: Vec<&str> = StrategyName::ALL.iter().map(|name| name.as_str()).collect();
        let wrong = |problem: String| {
            SettingsError::new(EXTRACTORS, format!("{problem} (known are {})", known.join(", ")))
        };
        let mut names = Vec::new();
        for text in self.extractors.split(',').map(str::trim) {
            let name = StrategyName::parse(text).ok_or_else(|| {
                wrong(match text {
                    "rusty_ytdl" => "this build of linkrelay has no rusty_ytdl".to_owned(),
                    _ => format!("there is no strategy \"{text}\""),
                })
            })?;
            if names.contains(&name) {
                return Err(wrong(format!("\"{text}\" is listed twice")));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn timeouts(&self) -> Result<Timeouts, SettingsError> {
        for (setting, value) in [
            (CONNECT_TIMEOUT, self.extractor_connect_timeout),
            (READ_TIMEOUT, self.extractor_read_timeout),
            (TIMEOUT, self.extractor_timeout),
        ] {
            if value.is_zero() {
                return Err(SettingsError::new(setting, "must be longer than 0"));
            }
        }
        Ok(Timeouts {
            connect: self.extractor_connect_timeout,
            read: self.extractor_read_timeout,
            total: self.extractor_timeout,
        })
    }

    fn gate(&self) -> Result<GateSettings, SettingsError> {
        let max_concurrent = self.max_concurrent_fetches;
        if !(1..=MAX_MAX_FETCHES).contains(&max_concurrent) {
            let problem = format!("must be from 1 to {MAX_MAX_FETCHES}");
            return Err(SettingsError::new(MAX_FETCHES, problem));
        }
        let (cool_down_min, cool_down_max) = (self.cool_down_min, self.cool_down_max);
        if cool_down_min.is_zero() {
            return Err(SettingsError::new(COOL_DOWN_MIN, "must be longer than 0"));
        }
        if cool_down_max < cool_down_min {
            let problem = format!("must not be shorter than {COOL_DOWN_MIN}");
            return Err(SettingsError::new(COOL_DOWN_MAX, problem));
        }
        Ok(GateSettings { max_concurrent, cool_down_min, cool_down_max })
    }

    /// Returns the time between two requests; `None` without a rate.
    fn step(&self) -> Result<Option<Duration>, SettingsError> {
        let rate = self.requests_per_second;
        if rate == 0.0 {
            return Ok(None);
        }
        let is_sane = (1.0 / MAX_RATE..=MAX_RATE).contains(&rate);
        is_sane.then(|| Some(Duration::from_secs_f64(1.0 / rate))).ok_or_else(|| {
            SettingsError::new(RATE, format!("must be 0, or from 0.00001 to {MAX_RATE}"))
        })
    }

    /// Returns the video that confirms refusals; `None` if that is turned off.
    fn canary(&self) -> Result<Option<VideoId>, SettingsError> {
        let text = match self.canary_video.as_str() {
            NO_CANARY => return Ok(None),
            "" => DEFAULT_CANARY,
            text => text,
        };
        let problem = "must be the id of a video (11 characters), or off";
        VideoId::parse(text).map(Some).map_err(|_| SettingsError::new(CANARY, problem))
    }

    /// Returns a video that YouTube should find: the canary, even if it confirms no refusal.
    ///
    /// # Errors
    /// Fails if CANARY_VIDEO is wrong.
    pub fn well_known_video(&self) -> Result<VideoId, SettingsError> {
        match self.canary()? {
            Some(video_id) => Ok(video_id),
            None => VideoId::parse(DEFAULT_CANARY)
                .map_err(|_| SettingsError::new(CANARY, "has a default that is not an id")),
        }
    }

    fn cache(&self) -> CacheSettings {
        CacheSettings {
            entries: self.cache_entries,
            ttl: self.cache_ttl,
            negative_ttl: self.cache_negative_ttl,
        }
    }

    fn address(&self) -> Result<Address, SettingsError> {
        address(self.youtube_base_url.as_deref())
    }

    fn certificates(&self) -> Result<Vec<Certificate>, SettingsError> {
        certificates(self.youtube_ca_cert.as_deref())
    }
}

/// Reads the value of `YOUTUBE_BASE_URL`.
///
/// # Errors
/// Names it, if it is wrong.
pub(crate) fn address(base_url: Option<&str>) -> Result<Address, SettingsError> {
    // A compose file passes an unset variable on as an empty one.
    match base_url.filter(|text| !text.is_empty()) {
        None => Ok(Address::youtube()),
        Some(text) => Address::parse(text).map_err(|problem| SettingsError::new(BASE_URL, problem)),
    }
}

/// Reads the certificates of the file that `YOUTUBE_CA_CERT` names.
///
/// # Errors
/// Names it, if they cannot be read.
pub(crate) fn certificates(path: Option<&Path>) -> Result<Vec<Certificate>, SettingsError> {
    match path.filter(|path| !path.as_os_str().is_empty()) {
        None => Ok(Vec::new()),
        Some(path) => {
            read_certificates(path).map_err(|problem| SettingsError::new(CA_CERT, problem))
        }
    }
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let pem =
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|error| format!("{} is not a PEM file: {error}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!("there is no certificate in {}", path.display()));
    }
    Ok(certificates)
}
