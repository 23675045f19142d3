#!/usr/bin/env bash
# Runs every test, and says how many there were. Binaries are built first: the end-to-end tests
# start them as processes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Together with the tests: alone, the binaries would have other features of tokio and of 45 crates
# on it, and each of those would be compiled twice.
cargo build --workspace --bins --tests --locked
# Most of the long tests wait for servers, not for a processor.
cores=$(nproc)
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((cores > 4 ? cores : 4))}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log" || code=$?
# "test result: ok. 13 passed; 0 failed; 0 ignored; …", once a binary.
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
  END { printf "\nall: %d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$log"
exit "$code"
