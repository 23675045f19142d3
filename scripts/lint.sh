#!/usr/bin/env bash
# What may not go in: unformatted code, a clippy warning, a broken link in the docs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
if command -v shellcheck >/dev/null; then
  shellcheck kafka-topics.sh .ci/run scripts/*.sh
fi
