//! A million of everything: what a million costs must be what ten thousand cost, or a little more.

mod growth;
mod lag;
mod stores;
mod submit;
mod watchers;

use anyhow::Result;

use crate::bench::settings::BenchSettings;

const BENCHMARK: &str = "million";

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    submit::run(settings).await?;
    growth::run(settings).await?;
    lag::run(settings).await?;
    watchers::run(settings).await
}
