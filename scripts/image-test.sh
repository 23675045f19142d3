#!/usr/bin/env bash
# Builds the image of the Dockerfile where no registry can be reached, and tries what was built: its
# settings, files and layers, then containers of it with a read-only root, the image's own user and
# no capability, alone and on a real Kafka and SecantusDB.
#
#   scripts/image-test.sh           builds, and tries
#   scripts/image-test.sh --built   tries what the last run has built
#
# Needs root and Debian's buildah, runc, jq and mmdebstrap, which it installs. The first build takes
# as long as a release build; its caches are in target/image, up to 10 GB, and may be removed. A line
# for each test, `ok` or `not ok`; exit code 1 if one failed.
set -euo pipefail

workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$workspace/target}/image
# What a release gives as --build-arg LINKRELAY_SOURCE.
source_address=${LINKRELAY_SOURCE:-https://example.org/linkrelay}
script="image-test"
# shellcheck source=scripts/debian-root.sh
source "$workspace/scripts/debian-root.sh"
# shellcheck source=scripts/image/build.sh
source "$workspace/scripts/image/build.sh"
# shellcheck source=scripts/image/container.sh
source "$workspace/scripts/image/container.sh"
# shellcheck source=scripts/image/files.sh
source "$workspace/scripts/image/files.sh"
# shellcheck source=scripts/image/running.sh
source "$workspace/scripts/image/running.sh"

give_up() {
  tail -n 40 "$1" >&2
  fail "$2"
}

# One test: what is true of the image, and the command that finds out.
check() {
  local what=$1
  shift
  if "$@" >"$folder/check" 2>&1; then
    echo "ok $what"
    passed=$((passed + 1))
  else
    echo "not ok $what"
    sed 's/^/# /' "$folder/check"
    failed=$((failed + 1))
  fi
}

# Says why a test fails, and fails.
tell() {
  echo "$*"
  return 1
}

cleanup() {
  kill_containers
  [[ -z $servers ]] || kill -TERM "$servers" 2>/dev/null || true
  wait
  rm -rf "$folder"/volume.* "$folder/bundle" "$folder/layers"
  [[ -z $working ]] || build rm "$working" >/dev/null
}

main() {
  local is_built=no
  case ${1:-} in
    '') ;;
    --built) is_built=yes ;;
    *) fail "usage: scripts/image-test.sh [--built]" ;;
  esac
  ((EUID == 0)) || fail "it needs root, for the roots of images and for containers"
  need_packages buildah buildah runc runc jq jq mmdebstrap mmdebstrap readelf binutils
  find_toolchain
  mkdir -p "$folder"
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ $is_built == no ]]; then
    make_debian_base
    make_rust_base
    build_image
  fi
  { read -r commit && read -r created; } <"$folder/built"
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$workspace/Cargo.toml" | head -n 1)
  tell_differences
  open_image
  echo "containers: $(runc --version | head -n 1) with a read-only root, user $user_id, no capability, no new privileges"
  check_files
  check_running
  echo "image-test: $passed ok, $failed not ok"
  ((failed == 0))
}

declare -A containers=()
servers='' working='' certificate='' passed=0 failed=0
rust=$(base_of_stage 1) debian=$(base_of_stage 2)
main "$@"
