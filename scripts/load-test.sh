#!/usr/bin/env bash
# Runs the same load on both paths of a link, and writes a report (load-tests/README.md). Installs
# and builds what it needs first. Arguments go to the program; --help lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/bootstrap.sh --tests
scripts/tools.sh
cargo build --release --locked -p linkrelay-load-tests --bin load-test \
  -p linkrelay-producer --bin linkrelay-producer -p linkrelay-consumer --bin linkrelay-consumer
exec "${CARGO_TARGET_DIR:-target}/release/load-test" "$@"
