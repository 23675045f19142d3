#!/usr/bin/env bash
# Containers of the image of `make image-test`, as strict as an operator can make them: a read-only
# root, the image's own user, no capability, no new privileges, and one writable folder, the volume.
# Sourced by scripts/image-test.sh.
#
# runc runs them without an engine: what Docker makes of the image's settings (user, environment,
# command, volume) is done here from the same settings.
# shellcheck disable=SC2154,SC2034 # what has no value or no use here has it in scripts/image-test.sh

runc_here() { runc --root "$folder/runc" "$@"; }

# Mounts the image's files, and reads its settings.
open_image() {
  image_settings=$(build inspect --type image "$image" | jq .Docker)
  working=$(build from --pull-never "$image")
  rootfs=$(build mount "$working")
  user_id=$(awk -F: -v name="$(setting .config.User)" '$1 == name { print $3 ":" $4 }' "$rootfs/etc/passwd")
}

# A value of the image's settings.
setting() { jq -r "$1" <<<"$image_settings"; }

# A new volume, as Docker makes one: with the content and the owner that the image has there.
make_volume() {
  local volume
  volume=$(mktemp -d "$folder/volume.XXXXXX")
  cp -a "$rootfs/data/." "$volume"
  chown --reference "$rootfs/data" "$volume"
  chmod --reference "$rootfs/data" "$volume"
  echo "$volume"
}

# The folder of a container's bundle: name, network (`none` has a loopback of its own, `host` is this
# machine's), volume, more settings as NAME=value, and after `--` the command, if not the image's.
make_bundle() {
  local name=$1 network=$2 volume=$3 env=() bundle=$folder/bundle/$1
  shift 3
  while (($# > 0)) && [[ $1 != -- ]]; do
    env+=("$1")
    shift
  done
  rm -rf "$bundle"
  mkdir -p "$bundle"
  jq --arg rootfs "$rootfs" --arg volume "$volume" --arg network "$network" --arg ids "$user_id" \
    --arg env "$(printf '%s\n' "${env[@]}")" --arg certificate "$certificate" \
    --jsonargs -f "$workspace/scripts/image/bundle.jq" "$(printf '%s\n' "${@:2}" | jq -R . | jq -cs 'map(select(. != ""))')" \
    <<<"$image_settings" >"$bundle/config.json"
}

# Starts a container in the background, with its output in $folder/NAME.log; arguments as above.
start_container() {
  make_bundle "$@"
  runc_here run --bundle "$folder/bundle/$1" "$1" </dev/null >"$folder/$1.log" 2>&1 &
  containers[$1]=$!
}

# Runs a container to its end; sets `code`, and `said` to what it printed.
run_container() {
  make_bundle "$@"
  code=0
  said=$(timeout 60 runc --root "$folder/runc" run \
    --bundle "$folder/bundle/$1" "$1" </dev/null 2>&1) || code=$?
}

# Runs a command in a container that runs; as its user, with its settings and as few rights.
in_container() { runc_here exec "$@" </dev/null; }

# Sends SIGTERM, as Docker does; sets `code` and `seconds`.
stop_container() {
  local began=$SECONDS
  code=0
  runc_here kill "$1" TERM
  wait "${containers[$1]}" || code=$?
  seconds=$((SECONDS - began))
  unset "containers[$1]"
}

# Ends what is left, by the names and process ids that this script has.
kill_containers() {
  local name
  for name in "${!containers[@]}"; do
    runc_here delete --force "$name" 2>/dev/null || true
    wait "${containers[$name]}" 2>/dev/null || true
  done
}

# Waits until a command in a container succeeds: seconds, name, command; fails if it has ended.
until_done() {
  local limit=$((SECONDS + $1))
  shift
  until in_container "$@" >/dev/null 2>&1; do
    ((SECONDS < limit)) && kill -0 "${containers[$1]}" 2>/dev/null || return 1
    sleep 0.2
  done
}
