#!/usr/bin/env bash
# Installs what a new Debian or Ubuntu machine lacks: for building alone, or with --tests also
# what the test servers need. As root with apt-get; otherwise it says the one command to run.
# Rust itself is only looked for: how to have it is everyone's own choice.
set -euo pipefail

workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
  echo "bootstrap: $*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Is version $1 at least $2?
is_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

check_rust() {
  local wanted version
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$workspace/Cargo.toml")
  if ! has cargo || ! has rustc; then
    fail "Rust is missing: linkrelay needs Rust $wanted or newer, for instance from https://rustup.rs"
  fi
  version=$(cd "$workspace" && rustc --version | awk '{ print $2 }')
  is_at_least "$version" "$wanted" ||
    fail "Rust $version is too old: linkrelay needs $wanted or newer (\`rustup update stable\`)"
}

check_rust_tools() {
  (cd "$workspace" && cargo fmt --version && cargo clippy --version) >/dev/null 2>&1 ||
    fail "rustfmt or clippy is missing: \`rustup component add rustfmt clippy\`"
}

has_java() {
  local version
  has java || return 1
  # 'openjdk version "17.0.15"'
  version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  [[ -n $version ]] && ((version >= 17))
}

# Debian's certificates, without which cargo can reach no registry.
has_certificates() { [[ -s /etc/ssl/certs/ca-certificates.crt ]] || ! has apt-get; }

# As librdkafka's build looks for it.
has_openssl() { has pkg-config && pkg-config --exists libssl libcrypto; }

# Prints the packages for what is missing. librdkafka, SQLite, zstd and (without its headers on
# the machine) zlib are built from the crates: a build needs compilers, and OpenSSL's headers.
missing_packages() {
  has gcc || echo gcc
  has g++ || echo g++
  has make || echo make
  has_certificates || echo ca-certificates
  has curl || echo curl
  has pkg-config || echo pkg-config
  has_openssl || echo libssl-dev
  if [[ $1 == --tests ]]; then
    # Kafka 4 runs on Java 17 or newer.
    has_java || java_package
    has mvn || echo maven
    has shellcheck || echo shellcheck
    has_korean || echo fonts-noto-cjk
    # Checks the units; no service starts by it.
    has systemd-analyze || echo systemd
    is_ubuntu || browser_packages
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || echo python3-venv
  fi
}

# Ubuntu has Chromium only as a snap: there the tests look for a browser, and say if there is none.
is_ubuntu() { grep -qs '^ID=ubuntu$' /etc/os-release; }

browser_packages() {
  has chromium || echo chromium
  has chromedriver || echo chromium-driver
}

# Letters for the page in Korean.
has_korean() {
  if has fc-list; then
    [[ -n $(fc-list :lang=ko family) ]]
  else
    [[ -n $(find /usr/share/fonts -name 'NotoSansCJK*' -print -quit 2>/dev/null) ]]
  fi
}

# The distribution's own: Debian 12 and Ubuntu 22.04 have 17, Debian 13 has 21.
java_package() {
  local package
  for package in openjdk-17-jre-headless openjdk-21-jre-headless; do
    # `apt-cache show` also knows packages of which there is only the name.
    if [[ $(LC_ALL=C apt-cache policy "$package" 2>/dev/null) =~ Candidate:\ [0-9] ]]; then
      echo "$package"
      return
    fi
  done
  echo openjdk-17-jre-headless
}

install_packages() {
  local packages
  mapfile -t packages < <(missing_packages "$1")
  ((${#packages[@]} > 0)) || return 0
  has apt-get ||
    fail "missing, by their Debian names: ${packages[*]}. Install them with this system's own tool"
  if ((EUID != 0)); then
    fail "some packages are missing; run this once, then try again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}"
  fi
  echo "bootstrap: installing ${packages[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # Asked again: before the update a new machine may not know any package.
  mapfile -t packages < <(missing_packages "$1")
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
}

case ${1:-} in
  '' | --tests) ;;
  *) fail "usage: scripts/bootstrap.sh [--tests]" ;;
esac
install_packages "${1:-}"
check_rust
if [[ ${1:-} == --tests ]]; then
  check_rust_tools
fi
