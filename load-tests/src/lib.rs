#![doc = include_str!("../README.md")]

pub mod bench;
pub mod comparison;
pub mod extraction;
pub mod replicas;

mod batch;
mod doubles;
mod drain;
mod export;
mod http;
mod kafka;
mod key_file;
mod keys;
mod latency;
mod load;
mod machine;
mod many_videos;
mod measurement;
mod memory;
mod million;
mod peers;
mod reads;
mod roles;
mod sample;
mod search;
mod sizing;
mod stats;
mod store;
mod tables;
mod texts;
mod tracing;
