#!/usr/bin/env bash
# The build of `make image-test`: the two bases that the Dockerfile names, made on this machine, and
# the image on them. Sourced by scripts/image-test.sh.
#
# Where no registry is reached, only the names of the bases are the real ones. Nothing that this
# machine needs for its network goes into the base of the final image: it is mounted over files
# that are there, for as long as the build runs.
# shellcheck disable=SC2154,SC2034 # what has no value or no use here has it in scripts/image-test.sh

image=localhost/linkrelay:image-test

build() {
  buildah --root "$folder/storage" --runroot "$folder/run" "$@"
}

# The name that a stage of the Dockerfile begins with: its number from 1.
base_of_stage() { sed -n 's/^FROM \([^ ]*\).*/\1/p' "$workspace/Dockerfile" | sed -n "$1p"; }

has_image() { [[ -n $(build images --quiet --filter "reference=$1" 2>/dev/null) ]]; }

# What apt needs here, as folders and files to be mounted over those of the base.
write_apt_settings() {
  rm -rf "$folder/apt"
  mkdir -p "$folder/apt/conf"
  tar -xf "$folder/debian.tar" -C "$folder/apt/conf" --strip-components=4 ./etc/apt/apt.conf.d
  apt_options >"$folder/apt/conf/99-this-machine"
  echo "deb ${mirror_here:=$(mirror)} bookworm main" >"$folder/apt/sources"
  [[ $mirror_here ]] || echo 'deb http://deb.debian.org/debian bookworm main' >"$folder/apt/sources"
  apt_volumes=(--volume "$folder/apt/conf:/etc/apt/apt.conf.d:ro"
    --volume "$folder/apt/sources:/etc/apt/sources.list:ro")
}

# debian:bookworm-slim leaves out the same files, and keeps apt from leaving caches in a layer.
make_debian_base() {
  local container options=() path
  if [[ ! -f $folder/debian.tar ]]; then
    say "making a Debian 12 by mmdebstrap"
    for path in doc man info locale groff lintian; do
      options+=("--dpkgopt=path-exclude=/usr/share/$path/*")
    done
    options+=('--dpkgopt=path-include=/usr/share/doc/*/copyright')
    # What mmdebstrap was told of this machine's network stays out.
    # shellcheck disable=SC2016 # mmdebstrap sets $1
    options+=('--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"'
      '--customize-hook=echo "Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\"; DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb\"; };" >"$1/etc/apt/apt.conf.d/no-caches"; rm -f "$1"/var/cache/apt/*.bin'
      '--customize-hook=echo "deb http://deb.debian.org/debian bookworm main" >"$1/etc/apt/sources.list"')
    make_root bookworm "$folder/debian.tar" "${options[@]}"
    build rmi --force "docker.io/library/$debian" >/dev/null 2>&1 || true
  fi
  write_apt_settings
  if has_image "docker.io/library/$debian"; then
    return
  fi
  container=$(build from scratch)
  build add --quiet "$container" "$folder/debian.tar" / >/dev/null
  build config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  build commit --rm --quiet "$container" "docker.io/library/$debian" >/dev/null
}

# The compilers of Debian, and this machine's Rust, certificates and settings of cargo: it is the
# base of the stage that builds, of which only the programs are kept.
make_rust_base() {
  local container name part stamp
  stamp="$(rustc --version) $(network_variables | xargs) $(stat --format %Y "$folder/debian.tar")"
  if has_image "docker.io/library/$rust" && [[ $(cat "$folder/rust-base" 2>/dev/null) == "$stamp" ]]; then
    return
  fi
  say "making the base with a Rust toolchain"
  container=$(build from --pull-never "$debian")
  [[ ! -d /usr/local/share/ca-certificates ]] ||
    build copy --quiet "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates >/dev/null
  build run --isolation chroot "${apt_volumes[@]}" "$container" -- sh -c \
    'apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates gcc g++ libc6-dev make' \
    >"$folder/rust-base.log" 2>&1 || give_up "$folder/rust-base.log" "the compilers cannot be installed"
  for part in bin lib; do
    build copy --quiet "$container" "$toolchain/$part" "/usr/local/rust/$part" >/dev/null
  done
  [[ ! -f $(cargo_settings) ]] ||
    build copy --quiet "$container" "$(cargo_settings)" /usr/local/cargo/config.toml >/dev/null
  build config --env CARGO_HOME=/usr/local/cargo \
    --env PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  while read -r name; do
    build config --env "$name=${!name}" "$container"
  done < <(network_variables)
  build commit --rm --quiet "$container" "docker.io/library/$rust" >/dev/null
  echo "$stamp" >"$folder/rust-base"
}

# Builds the Dockerfile of this folder; the commit that it is told has `-dirty` after it where
# something has changed since.
build_image() {
  local log=$folder/build.log
  commit=$(git -C "$workspace" describe --always --dirty --abbrev=40 --exclude='*')
  created=$(date --utc +%Y-%m-%dT%H:%M:%SZ)
  printf '%s\n' "$commit" "$created" >"$folder/built"
  say "building the image, with its own log in $log"
  # The cache mounts are below TMPDIR.
  mkdir -p "$folder/tmp"
  TMPDIR=$folder/tmp build bud --isolation chroot --format docker --layers --pull-never \
    --build-arg "LINKRELAY_COMMIT=$commit" --build-arg "LINKRELAY_CREATED=$created" \
    --build-arg "LINKRELAY_SOURCE=$source_address" "${apt_volumes[@]}" --tag "$image" \
    "$workspace" >"$log" 2>&1 || give_up "$log" "the build failed"
}

# What is not as with the real bases and Docker's builder.
tell_differences() {
  local builder
  builder=$(build --version)
  cat <<TEXT
what differs from \`docker build .\` where registries are reached:
- builder: ${builder%% (*} with chroot isolation instead of BuildKit
- $rust: a Debian 12 by mmdebstrap with gcc, g++ and make, and this machine's $(rustc --version) with its \
certificates and settings of cargo; it is the base of the stage that builds, and nothing of it is kept but three programs
- $debian: a Debian 12 by mmdebstrap (variant minbase, without documents and locales), from $(cut -d' ' -f2 "$folder/apt/sources") \
without the suites of updates and security; the real one has a few packages more or fewer
- apt's mirror and settings are this machine's, mounted while the build runs
TEXT
}
