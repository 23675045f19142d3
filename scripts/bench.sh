#!/usr/bin/env bash
# Builds with optimisation and runs the benchmarks (load-tests/README.md). Arguments go to the
# program; RESULTS names the file that gets a JSON line for each case.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

results=${RESULTS:-load-tests/results/local.jsonl}
# Some benchmarks start these programs as processes.
cargo build --release --locked -p linkrelay-load-tests --bin bench --bin replica \
  --bin extraction-side \
  -p linkrelay-consumer --bin linkrelay-consumer -p linkrelay-producer --bin linkrelay-producer \
  -p linkrelay --bin linkrelay
if (($# == 0)); then
  set -- all
fi
# What linkrelay is compared with is fetched only for the benchmark that needs it.
for argument in "$@"; do
  case $argument in
    peers) scripts/tools.sh peers ;;
    all) scripts/tools.sh peers || echo "bench: the peers cannot be fetched, so all but they run" >&2 ;;
  esac
done
exec "${CARGO_TARGET_DIR:-target}/release/bench" "$@" --results "$results"
