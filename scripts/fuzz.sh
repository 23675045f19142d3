#!/usr/bin/env bash
# Runs the fuzz targets, one after the other, beginning with the corpus in fuzz/corpus.
#
#   scripts/fuzz.sh [--seconds N] [TARGET…]   every target, for two minutes each
#   scripts/fuzz.sh --minimize [TARGET…]      writes the smallest corpus that reaches as much code
#
# What is found on the way is kept in target/fuzz-corpus, so that a later run goes on from there;
# an input that breaks a property is in fuzz/artifacts. It needs a nightly toolchain and cargo-fuzz,
# which it installs under target/tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=120
minimize=no
while [[ ${1:-} == --* ]]; do
  case $1 in
    --seconds)
      seconds=${2:?"--seconds needs a number"}
      shift 2
      ;;
    --minimize)
      minimize=yes
      shift
      ;;
    *)
      echo "usage: scripts/fuzz.sh [--seconds N | --minimize] [TARGET…]" >&2
      exit 2
      ;;
  esac
done
cargo +nightly --version >/dev/null 2>&1 || {
  echo "fuzz: a nightly toolchain is missing: \`rustup toolchain install nightly\`" >&2
  exit 1
}
scripts/tools.sh cargo-fuzz
PATH=$(cd "${LINKRELAY_TOOLS:-target/tools}/cargo-fuzz/bin" && pwd):$PATH
export PATH
found=${CARGO_TARGET_DIR:-$PWD/target}/fuzz-corpus
# Not with what other builds of this workspace leave: its flags are its own.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/fuzz-build

# No sanitizer: what is fuzzed has no unsafe code, and the C libraries that are linked do not build
# with one.
run=(cargo +nightly fuzz run --sanitizer none)

targets=("$@")
(($# > 0)) || mapfile -t targets < <(cargo +nightly fuzz list)
for target in "${targets[@]}"; do
  mkdir -p "$found/$target" "fuzz/corpus/$target"
  if [[ $minimize == yes ]]; then
    fresh=$(mktemp -d)
    "${run[@]}" "$target" "$fresh" "fuzz/corpus/$target" "$found/$target" -- \
      -merge=1 -max_len=4096
    rm -rf "fuzz/corpus/$target"
    mv "$fresh" "fuzz/corpus/$target"
    chmod 755 "fuzz/corpus/$target"
  else
    nice -n 10 "${run[@]}" "$target" "$found/$target" "fuzz/corpus/$target" -- \
      -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
  fi
done
