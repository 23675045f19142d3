//! The settings of extraction, and the extractor that they make.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use reqwest::Certificate;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::address::Address;
use crate::chain::Chain;
use crate::client::{Timeouts, YouTubeClient};
use crate::strategies::{DataApi, Innertube, Oembed, RustyYtdl, StrategyName, WatchPage};
use crate::{Extract, Strategy};

const EXTRACTORS: &str = "EXTRACTORS";
const API_KEY: &str = "YOUTUBE_API_KEY";
const BASE_URL: &str = "YOUTUBE_BASE_URL";
const CA_CERT: &str = "YOUTUBE_CA_CERT";
const CONNECT_TIMEOUT: &str = "EXTRACTOR_CONNECT_TIMEOUT";
const READ_TIMEOUT: &str = "EXTRACTOR_READ_TIMEOUT";
const TIMEOUT: &str = "EXTRACTOR_TIMEOUT";
const CPU_THREADS: &str = "EXTRACTOR_CPU_THREADS";

const DEFAULT_EXTRACTORS: &str = "watch_page,innertube,rusty_ytdl,oembed";
const DEFAULT_CONNECT_TIMEOUT: &str = "5s";
const DEFAULT_READ_TIMEOUT: &str = "10s";
const DEFAULT_TIMEOUT: &str = "15s";
const DEFAULT_CPU_THREADS: usize = 1;
const MAX_CPU_THREADS: usize = 64;

/// How metadata is found.
#[derive(Debug, Clone, clap::Args)]
pub struct ExtractorSettings {
    /// Strategies in the order in which they are tried, separated by commas: data_api (needs
    /// YOUTUBE_API_KEY), watch_page, innertube, rusty_ytdl, oembed
    #[arg(long, env = "EXTRACTORS", default_value = DEFAULT_EXTRACTORS)]
    pub extractors: String,

    /// A key of the YouTube Data API v3, for the strategy data_api
    #[arg(long, env = "YOUTUBE_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub youtube_api_key: Option<SecretString>,

    /// The server that all strategies ask instead of www.youtube.com, as https://host:port
    #[arg(long, env = "YOUTUBE_BASE_URL")]
    pub youtube_base_url: Option<String>,

    /// A PEM file with certificates to trust besides the well-known ones, for YOUTUBE_BASE_URL
    #[arg(long, env = "YOUTUBE_CA_CERT")]
    pub youtube_ca_cert: Option<PathBuf>,

    /// How long it may take to connect to YouTube
    #[arg(long, env = "EXTRACTOR_CONNECT_TIMEOUT", default_value = DEFAULT_CONNECT_TIMEOUT, value_parser = humantime::parse_duration)]
    pub extractor_connect_timeout: Duration,

    /// How long YouTube may be silent within an answer
    #[arg(long, env = "EXTRACTOR_READ_TIMEOUT", default_value = DEFAULT_READ_TIMEOUT, value_parser = humantime::parse_duration)]
    pub extractor_read_timeout: Duration,

    /// How long one request to YouTube may take as a whole
    #[arg(long, env = "EXTRACTOR_TIMEOUT", default_value = DEFAULT_TIMEOUT, value_parser = humantime::parse_duration)]
    pub extractor_timeout: Duration,

    /// Threads for strategies that need much CPU time (rusty_ytdl), from 1 to 64
    #[arg(long, env = "EXTRACTOR_CPU_THREADS", default_value_t = DEFAULT_CPU_THREADS)]
    pub extractor_cpu_threads: usize,
}

impl Default for ExtractorSettings {
    fn default() -> Self {
        Self {
            extractors: DEFAULT_EXTRACTORS.to_owned(),
            youtube_api_key: None,
            youtube_base_url: None,
            youtube_ca_cert: None,
            extractor_connect_timeout: Duration::from_secs(5),
            extractor_read_timeout: Duration::from_secs(10),
            extractor_timeout: Duration::from_secs(15),
            extractor_cpu_threads: DEFAULT_CPU_THREADS,
        }
    }
}

impl ExtractorSettings {
    /// Makes the extractor. Reads the certificate file; asks nothing of the network.
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn build(&self) -> Result<Arc<dyn Extract>, SettingsError> {
        let names = self.strategy_names()?;
        let timeouts = self.timeouts()?;
        let certificates = self.certificates()?;
        let client = YouTubeClient::new(self.address()?, certificates, timeouts)
            .map_err(|error| SettingsError::new(CA_CERT, format!("cannot be used: {error}")))?;
        let strategies = names.into_iter().map(|name| self.strategy(name, &client));
        let strategies = strategies.collect::<Result<_, _>>()?;
        Ok(Arc::new(Chain::new(strategies)))
    }

    fn strategy(
        &self,
        name: StrategyName,
        client: &YouTubeClient,
    ) -> Result<Arc<dyn Strategy>, SettingsError> {
        let client = client.clone();
        Ok(match name {
            StrategyName::DataApi => Arc::new(DataApi::new(client, self.api_key()?)),
            StrategyName::WatchPage => Arc::new(WatchPage::new(client)),
            StrategyName::RustyYtdl => {
                Arc::new(RustyYtdl::new(client, self.cpu_threads()?, self.extractor_timeout))
            }
            StrategyName::Innertube => Arc::new(Innertube::new(client)),
            StrategyName::Oembed => Arc::new(Oembed::new(client)),
        })
    }

    /// Neither error shows the key.
    fn api_key(&self) -> Result<HeaderValue, SettingsError> {
        let key = self.youtube_api_key.as_ref().map(ExposeSecret::expose_secret);
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            SettingsError::new(API_KEY, "must be set, because data_api stands in EXTRACTORS")
        })?;
        let mut key = HeaderValue::from_str(key)
            .map_err(|_| SettingsError::new(API_KEY, "has characters that no key has"))?;
        key.set_sensitive(true);
        Ok(key)
    }

    fn strategy_names(&self) -> Result<Vec<StrategyName>, SettingsError> {
        let known = StrategyName::ALL.map(StrategyName::as_str).join(", ");
        let wrong = |problem: String| {
            SettingsError::new(EXTRACTORS, format!("{problem} (known are {known})"))
        };
        let mut names = Vec::new();
        for text in self.extractors.split(',').map(str::trim) {
            let name = StrategyName::parse(text)
                .ok_or_else(|| wrong(format!("there is no strategy \"{text}\"")))?;
            if names.contains(&name) {
                return Err(wrong(format!("\"{text}\" stands in it twice")));
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

    fn cpu_threads(&self) -> Result<usize, SettingsError> {
        let threads = self.extractor_cpu_threads;
        let is_sane = (1..=MAX_CPU_THREADS).contains(&threads);
        is_sane.then_some(threads).ok_or_else(|| {
            SettingsError::new(CPU_THREADS, format!("must be from 1 to {MAX_CPU_THREADS}"))
        })
    }

    fn address(&self) -> Result<Address, SettingsError> {
        // A compose file passes an unset variable on as an empty one.
        match self.youtube_base_url.as_deref().filter(|text| !text.is_empty()) {
            None => Ok(Address::youtube()),
            Some(text) => {
                Address::parse(text).map_err(|problem| SettingsError::new(BASE_URL, problem))
            }
        }
    }

    fn certificates(&self) -> Result<Vec<Certificate>, SettingsError> {
        match self.youtube_ca_cert.as_deref().filter(|path| !path.as_os_str().is_empty()) {
            None => Ok(Vec::new()),
            Some(path) => {
                read_certificates(path).map_err(|problem| SettingsError::new(CA_CERT, problem))
            }
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        settings: ExtractorSettings,
    }

    fn problem(change: impl FnOnce(&mut ExtractorSettings)) -> String {
        let mut settings = ExtractorSettings::default();
        change(&mut settings);
        settings.build().unwrap_err().to_string()
    }

    #[test]
    fn the_arguments_are_well_formed_and_their_defaults_work() {
        Command::command().debug_assert();
        ExtractorSettings::default().build().unwrap();
    }

    #[test]
    fn both_kinds_of_defaults_agree() {
        let given = Command::parse_from([
            "x",
            "--extractors",
            DEFAULT_EXTRACTORS,
            "--extractor-connect-timeout",
            DEFAULT_CONNECT_TIMEOUT,
            "--extractor-read-timeout",
            DEFAULT_READ_TIMEOUT,
            "--extractor-timeout",
            DEFAULT_TIMEOUT,
        ])
        .settings;
        let default = ExtractorSettings::default();
        assert_eq!(given.extractors, default.extractors);
        assert_eq!(given.timeouts(), default.timeouts());
    }

    #[test]
    fn a_wrong_strategy_is_named_with_the_known_ones() {
        let unknown = problem(|settings| settings.extractors = "watch_page, magic".to_owned());
        assert_eq!(
            unknown,
            "EXTRACTORS: there is no strategy \"magic\" (known are data_api, \
             watch_page, innertube, rusty_ytdl, oembed)"
        );
        let twice = problem(|settings| settings.extractors = "watch_page,watch_page".to_owned());
        assert!(twice.starts_with("EXTRACTORS: \"watch_page\" stands in it twice"), "{twice}");
        let none = problem(|settings| settings.extractors = String::new());
        assert!(none.starts_with("EXTRACTORS: there is no strategy \"\""), "{none}");
    }

    #[test]
    fn the_key_is_needed_by_one_strategy_and_shown_by_no_error() {
        let build = |key: Option<&str>| {
            let settings = ExtractorSettings {
                extractors: "data_api".to_owned(),
                youtube_api_key: key.map(SecretString::from),
                ..ExtractorSettings::default()
            };
            (settings.build().map_err(|error| error.to_string()), format!("{settings:?}"))
        };
        for missing in [None, Some("")] {
            let problem = build(missing).0.unwrap_err();
            assert!(problem.starts_with("YOUTUBE_API_KEY: must be set"), "{problem}");
        }
        let (problem, shown) = build(Some("secret\n"));
        let problem = problem.unwrap_err();
        assert!(problem.starts_with("YOUTUBE_API_KEY: has characters"), "{problem}");
        assert!(!problem.contains("secret") && !shown.contains("secret"), "{problem} {shown}");
        let extractor = build(Some("secret")).0.unwrap();
        assert!(!format!("{extractor:?}").contains("secret"));
    }

    #[test]
    fn every_other_wrong_setting_is_named() {
        let base_url = problem(|settings| settings.youtube_base_url = Some("http://x".to_owned()));
        assert!(base_url.starts_with("YOUTUBE_BASE_URL: must be"), "{base_url}");
        let timeout = problem(|settings| settings.extractor_timeout = Duration::ZERO);
        assert_eq!(timeout, "EXTRACTOR_TIMEOUT: must be longer than 0");
        let threads = problem(|settings| settings.extractor_cpu_threads = 0);
        assert_eq!(threads, "EXTRACTOR_CPU_THREADS: must be from 1 to 64");
    }

    #[test]
    fn a_certificate_file_must_hold_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let missing = problem(|s| s.youtube_ca_cert = Some(folder.path().join("none.pem")));
        assert!(missing.starts_with("YOUTUBE_CA_CERT: cannot read"), "{missing}");
        for (name, content) in [
            ("empty.pem", ""),
            ("words.pem", "no certificate"),
            ("broken.pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
            ("rubbish.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let problem = problem(|settings| settings.youtube_ca_cert = Some(path));
            assert!(problem.starts_with("YOUTUBE_CA_CERT: "), "{name}: {problem}");
        }
    }

    #[test]
    fn empty_values_count_as_not_set() {
        let settings = ExtractorSettings {
            youtube_base_url: Some(String::new()),
            youtube_ca_cert: Some(PathBuf::new()),
            ..ExtractorSettings::default()
        };
        settings.build().unwrap();
    }
}
