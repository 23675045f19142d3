//! The linkrelay command: the complete pipeline in one process, and tools for its operator.

mod api;
mod check;
mod cli;
mod columns;
mod completions;
mod config_print;
mod data_dir;
mod dlq;
mod exit;
mod export;
mod extract;
mod health;
mod keys;
mod lag;
mod links;
mod man;
mod migrate;
mod progress;
mod quoted;
mod rebuild;
mod refresh;
mod search;
mod status;
mod store_file;
mod submit;
mod topics;
mod up;
mod video_filter;

use std::process::ExitCode;

use linkrelay_common::config;

/// The name of this command in traces.
const SERVICE: &str = "linkrelay";

#[tokio::main]
async fn main() -> ExitCode {
    exit::code(cli::run(config::parse()).await)
}
