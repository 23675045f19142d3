#!/usr/bin/env bash
# Builds with optimisation and runs the benchmarks (load-tests/README.md). Arguments go to the
# program; RESULTS names the file that gets a JSON line for each case.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

results=${RESULTS:-load-tests/results/local.jsonl}
# The consumer is a process of its own where its memory is measured.
cargo build --release --locked -p linkrelay-load-tests --bin bench \
  -p linkrelay-consumer --bin linkrelay-consumer
if (($# == 0)); then
  set -- all
fi
exec "${CARGO_TARGET_DIR:-target}/release/bench" "$@" --results "$results"
