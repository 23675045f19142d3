#!/usr/bin/env bash
# Runs the same load on both ways of a link, and writes a report (load-tests/README.md). Installs
# and builds what it needs first. Arguments go to the program; --help lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "load-test: $*" >&2; }

# Artillery needs Node 20. Without either, the program sends the load itself.
install_artillery() {
  local folder=load-tests stamp=load-tests/node_modules/.installed
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "no Node: our own generator sends the load"
    return
  fi
  if cmp -s "$folder/package-lock.json" "$stamp"; then
    return
  fi
  say "installing Artillery, about a minute"
  # Its browsers are nothing that an HTTP test needs.
  if (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error) >&2; then
    cp "$folder/package-lock.json" "$stamp"
  else
    say "npm ci failed: our own generator sends the load"
    rm -rf "$folder/node_modules"
  fi
}

scripts/bootstrap.sh --tests
scripts/tools.sh
if [[ " $* " != *" --generator own "* && " $* " != *" --generator=own "* ]]; then
  install_artillery
fi
cargo build --release --locked -p linkrelay-load-tests --bin load-test \
  -p linkrelay-producer --bin linkrelay-producer -p linkrelay-consumer --bin linkrelay-consumer
exec "${CARGO_TARGET_DIR:-target}/release/load-test" "$@"
