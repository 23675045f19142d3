#!/usr/bin/env bash
# What the scripts that work in a Debian of their own have in common: how its root is made, and what
# of this machine reaches the network from inside. Sourced by them, with `script` set to their name,
# and `workspace`.
: "${script:?}" "${workspace:?}"

say() { echo "$script: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Installs the Debian packages of the programs that are missing: pairs of program and package.
need_packages() {
  local missing=()
  while (($# > 0)); do
    command -v "$1" >/dev/null || missing+=("$2")
    shift 2
  done
  ((${#missing[@]} > 0)) || return 0
  command -v apt-get >/dev/null ||
    fail "missing, by their Debian names: ${missing[*]}. Install them with this system's own tool"
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Sets `toolchain`, the folder of this machine's Rust.
find_toolchain() {
  toolchain=$(cd "$workspace" && rustc --print sysroot)
  [[ -x $toolchain/bin/cargo ]] || fail "$toolchain is no toolchain in a folder of its own, as rustup makes it"
}

# How this machine's apt reaches its mirrors, without the values that are not set.
apt_options() { apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|ForceIP)[^"]* "[^"]+";' || true; }

# The mirror of Debian that this machine uses, if it is one; else mmdebstrap knows its own.
mirror() {
  command -v apt-get >/dev/null || return 0
  apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
    sort -u | head -n 1
}

# Makes the root of a Debian as a tar file, once: suite, file, and more options of mmdebstrap.
make_root() {
  local suite=$1 tar=$2 options=("${@:3}") from
  [[ -f $tar ]] && return
  mkdir -p "$(dirname "$tar")"
  apt_options >"$tar.apt-options"
  from=$(mirror)
  # In a namespace of mounts, so that none is left here when it is ended midway.
  unshare --mount --propagation private \
    mmdebstrap --quiet --format=tar --variant=minbase --aptopt="$tar.apt-options" "${options[@]}" \
    "$suite" "$tar.part" ${from:+"$from"} >&2
  mv "$tar.part" "$tar"
}

# The names of the variables by which programs here reach the network: proxies, certificates and
# registries.
network_variables() {
  compgen -e |
    grep -E '^([A-Za-z]+_[Pp][Rr][Oo][Xx][Yy]|SSL_CERT_(FILE|DIR)|(CURL|REQUESTS)_CA_BUNDLE|PIP_[A-Z_]+|CARGO_(HTTP|NET|REGISTR|SOURCE)[A-Z_]*)$' ||
    true
}

# The settings of this machine's cargo.
cargo_settings() { echo "${CARGO_HOME:-$HOME/.cargo}/config.toml"; }

# Copies a file or a folder, if there is one.
copy() {
  [[ -e $1 ]] || return 0
  mkdir -p "$(dirname "$2")"
  rm -rf "$2"
  cp -rL "$1" "$2"
}
