//! The upgrade test as a program: a release of linkrelay is replaced by another while links are
//! sent, and back; and each takes over the file of the other.
//!
//! A line for each part on stdout, `ok`, `refused` or `not ok`; progress goes to stderr. Exit code
//! 0: nothing was lost or doubled, and what is not supported was refused; 1: otherwise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use linkrelay_testkit::chaos::{self, Brokers, ChaosSettings, Protocol, Replacement};
use linkrelay_testkit::takeover;
use tokio::signal::unix::{SignalKind, signal};

/// What a program says to a store of a newer one.
const NEWER: &str = "schema version";

/// Upgrades linkrelay from one release to another under load, and back, and counts what is left.
#[derive(Debug, Parser)]
#[command(name = "upgrade")]
struct Arguments {
    /// The folder of the older release's programs
    #[arg(long)]
    old: PathBuf,
    /// The folder of the newer release's programs
    #[arg(long)]
    new: PathBuf,
    /// How many links are posted while the group is replaced
    #[arg(long, default_value_t = 3_000)]
    links: usize,
    /// Over how many seconds
    #[arg(long = "seconds", value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Decides about links and failures
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    // Whatever runs is stopped when the future is dropped.
    let failed = tokio::select! {
        failed = run(&arguments) => failed,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns how many parts failed.
async fn run(arguments: &Arguments) -> usize {
    let (old, new) = (arguments.old.as_path(), arguments.new.as_path());
    let parts = [
        report("a group, from old to new", group(arguments, old, new, Protocol::Classic).await),
        report("a group, from new to old", group(arguments, new, old, Protocol::Classic).await),
        report(
            "a group, from old to new and from `classic` to `consumer`",
            group(arguments, old, new, Protocol::Consumer).await,
        ),
        report("the embedded mode, from old to new", embedded(old, new).await),
        report("the embedded mode, from new to old", embedded(new, old).await),
        report(
            "the old one, on a file of a future release",
            future(takeover::newer_file(old).await),
        ),
        report(
            "the new one, on a file of a future release",
            future(takeover::newer_file(new).await),
        ),
        report(
            "the old one, on collections of a future release",
            future(takeover::newer_collections(old).await),
        ),
        report(
            "the new one, on collections of a future release",
            future(takeover::newer_collections(new).await),
        ),
    ];
    parts.into_iter().filter(|has_passed| !has_passed).count()
}

/// The result of one part: whether it passed, and what to say of it.
type Part = Result<(bool, String)>;

/// Prints a part, and returns whether it passed. To go back may be refused; then nothing is lost.
fn report(what: &str, part: Part) -> bool {
    let (verdict, has_passed, said) = match part {
        Ok((true, said)) => ("ok", true, said),
        Ok((false, said)) => ("not ok", false, said),
        Err(error) if format!("{error:#}").contains(NEWER) => {
            ("refused", what.ends_with("new to old"), format!("{error:#}"))
        }
        Err(error) => ("not ok", false, format!("{error:#}")),
    };
    println!("{verdict}  {what}: {said}");
    has_passed
}

async fn group(arguments: &Arguments, before: &Path, after: &Path, protocol: Protocol) -> Part {
    let settings = ChaosSettings {
        links: arguments.links,
        seed: arguments.seed,
        span: Duration::from_secs(arguments.seconds),
        protocol: Protocol::Classic,
        has_static_members: false,
        brokers: Brokers::One,
        max_repeats_percent: None,
        replacement: Some(Replacement { before: before.into(), after: after.into(), protocol }),
    };
    let report = chaos::run(settings, &|line| eprintln!("{line}")).await?;
    let (has_passed, said) = (report.has_passed(), report.figures.summary());
    if !has_passed {
        eprintln!("{}", report.text());
        eprintln!("the logs of all processes are in {}", report.keep()?.display());
    }
    Ok((has_passed, said))
}

async fn embedded(before: &Path, after: &Path) -> Part {
    let takeover = takeover::embedded(before, after).await?;
    Ok((takeover.has_passed(), takeover.to_string()))
}

/// A refusal is what is wanted here.
fn future(said: Result<String>) -> Part {
    said.map(|said| (said.contains(NEWER), format!("it is refused: {said}")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_the_way_back_may_be_refused() {
        let refused = || Err(anyhow::anyhow!("has schema version 2, this program knows 1"));
        assert!(report("the embedded mode, from new to old", refused()));
        assert!(!report("the embedded mode, from old to new", refused()));
        assert!(!report("a group, from new to old", Err(anyhow::anyhow!("it hangs"))));
        assert!(!report("a group, from old to new", Ok((false, String::new()))));
    }
}
