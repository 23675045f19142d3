//! Settings for each part of the extractor alone, so that `check` can try one after the other.

use linkrelay_common::SettingsError;
use secrecy::ExposeSecret;

use super::{ExtractorSettings, proxies};
use crate::strategies::StrategyName;

/// The settings of an extractor with only one strategy, or only one proxy.
#[derive(Debug, Clone)]
pub struct PartAlone {
    /// The strategy's or the proxy's name; it shows no secret.
    pub name: String,
    /// The settings, reduced to this part.
    pub settings: ExtractorSettings,
}

impl ExtractorSettings {
    /// Returns each strategy alone, in its order; then, if there are several proxies, each of them
    /// alone, with the first strategy that uses proxies.
    ///
    /// # Errors
    /// Fails if EXTRACTORS or PROXY_URLS is wrong.
    pub fn parts_alone(&self) -> Result<Vec<PartAlone>, SettingsError> {
        let names = self.strategy_names()?;
        let alone = |name: &StrategyName| PartAlone {
            name: name.as_str().to_owned(),
            settings: Self { extractors: name.as_str().to_owned(), ..self.clone() },
        };
        let mut parts: Vec<PartAlone> = names.iter().map(alone).collect();
        let urls = self.proxy_urls.as_ref().map_or("", |urls| urls.expose_secret());
        let shown = proxies::parse(urls)
            .map_err(|problem| SettingsError::new("PROXY_URLS", problem))?
            .into_iter()
            .map(|(name, _)| format!("proxy {name}"));
        let by_proxy = names.iter().find(|name| **name != StrategyName::DataApi).map(alone);
        if let Some(by_proxy) = by_proxy.filter(|_| shown.len() > 1) {
            for (name, url) in shown.zip(proxies::each(urls)) {
                let proxy_urls = Some(url.trim().into());
                let settings = Self { proxy_urls, ..by_proxy.settings.clone() };
                parts.push(PartAlone { name, settings });
            }
        }
        Ok(parts)
    }
}
