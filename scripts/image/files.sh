#!/usr/bin/env bash
# What `make image-test` looks at in the image without running it. Sourced by scripts/image-test.sh.
# shellcheck disable=SC2154,SC2034 # what has no value or no use here has it in scripts/image-test.sh

programs=(linkrelay linkrelay-producer linkrelay-consumer)

check_files() {
  unpack_layers
  check_settings
  check_programs
  check_content
}

# Sets `layers`, the files of the layers from the base on, and `made_by`, what made each.
unpack_layers() {
  local archive=$folder/layers
  rm -rf "$archive"
  build push --quiet "$image" "docker-archive:$archive.tar" >/dev/null 2>&1
  mkdir "$archive"
  tar -xf "$archive.tar" -C "$archive"
  rm "$archive.tar"
  mapfile -t layers < <(jq -r --arg folder "$archive/" '.[0].Layers[] | $folder + .' "$archive/manifest.json")
  mapfile -t made_by < <(jq -r '.history[] | select(.empty_layer | not) | .created_by' \
    "$archive/$(jq -r '.[0].Config' "$archive/manifest.json")")
}

check_settings() {
  local wanted found
  found=$(setting '.config | {User, WorkingDir, Entrypoint: (.Entrypoint // []), Cmd, ExposedPorts, Volumes, Healthcheck: .Healthcheck.Test}')
  wanted='{"User":"linkrelay","WorkingDir":"/data","Entrypoint":[],"Cmd":["linkrelay","up"],
    "ExposedPorts":{"3000/tcp":{},"5000/tcp":{}},"Volumes":{"/data":{}},"Healthcheck":["CMD","linkrelay","health"]}'
  check "user, folder, command, ports, volume and health check are those of the Dockerfile" \
    is_same "$found" "$wanted"
  found=$(setting '.config.Env | map(select(startswith("PATH=") | not)) | sort')
  check "the environment is the two addresses and the folder" \
    is_same "$found" '["DATA_DIR=/data","EXTRACTOR_ADDR=0.0.0.0:5000","HTTP_ADDR=0.0.0.0:3000"]'
  found=$(setting '.config.Labels | with_entries(select(.key | startswith("org.opencontainers.image.")))')
  wanted=$(jq -n --arg version "$version" --arg commit "$commit" --arg created "$created" --arg source "$source_address" '{
      title: "linkrelay",
      description: "Takes YouTube links over HTTP and stores the metadata of their videos, through Kafka",
      licenses: "MIT OR Apache-2.0", version: $version, source: $source, revision: $commit, created: $created
    } | with_entries(.key |= "org.opencontainers.image." + .)')
  check "the labels name title, description, licenses, version $version, source, commit and time" \
    is_same "$found" "$wanted"
}

is_same() {
  [[ $(jq -S . <<<"$1") == "$(jq -S . <<<"$2")" ]] || tell "found $1, wanted $2"
}

check_programs() {
  local program path needed
  for program in "${programs[@]}"; do
    path=$rootfs/usr/local/bin/$program
    check "$program is stripped, $(mebibytes "$(stat --format %s "$path")")" is_stripped "$path"
    needed=$(readelf --dynamic "$path" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | xargs)
    check "$program finds all its libraries ($needed)" finds_libraries "$program"
  done
}

is_stripped() { ! readelf --section-headers --wide "$1" | grep -E ' \.(symtab|debug_[a-z]+) '; }

finds_libraries() { ! chroot "$rootfs" ldd "/usr/local/bin/$1" | grep 'not found'; }

mebibytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }

# Below the base nothing is linkrelay's, so what is added to it is all that there is to see.
check_content() {
  local number added packages
  for ((number = 0; number < ${#layers[@]}; number++)); do
    printf 'layer %d: %10s, packed %10s  %.90s\n' $((number + 1)) \
      "$(mebibytes "$(stat --format %s "${layers[number]}")")" \
      "$(mebibytes "$(gzip -1 --quiet <"${layers[number]}" | wc -c)")" "${made_by[number]}"
  done
  added=$(for number in "${layers[@]:1}"; do tar -tf "$number"; done | sort -u)
  packages=$(comm -13 <(packages_of "${layers[0]}") <(packages_of_root))
  check "the packages that are added to the base: $(xargs <<<"$packages")" \
    is_same_list "$packages" $'ca-certificates\nlibssl3\nopenssl'
  check "no compiler, cargo or git is in it, and no header, static library or source is added" \
    has_no_build_tool "$added"
  check "no program has gained the rights of another user, beside those of the base: $(setuid_of "${layers[0]}" | xargs)" \
    is_same_list "$(setuid_of_root)" "$(setuid_of "${layers[0]}")"
  check "nothing of this machine is in it: apt's settings, mirrors, certificates, caches" \
    has_nothing_of_here "$added"
}

packages_of() { tar -xOf "$1" var/lib/dpkg/status | sed -n 's/^Package: //p' | sort; }

packages_of_root() { sed -n 's/^Package: //p' "$rootfs/var/lib/dpkg/status" | sort; }

setuid_of() { tar -tvf "$1" | awk 'substr($1, 1, 1) == "-" && $1 ~ /[sS]/ { print $6 }' | sed 's|^\./||' | sort; }

setuid_of_root() { (cd "$rootfs" && find . -xdev -type f -perm /6000 | sed 's|^\./||' | sort); }

is_same_list() { diff <(echo "$2") <(echo "$1"); }

has_no_build_tool() {
  local found
  found=$(find "$rootfs" -xdev \( -path '*/bin/*' -o -path '*/sbin/*' \) \
    \( -name 'cc' -o -name 'gcc*' -o -name 'g++*' -o -name ld -o -name as -o -name make -o -name cargo \
    -o -name 'rustc' -o -name git -o -name curl -o -name wget -o -name pkg-config \) -print
    grep -E '\.(a|h|rs)$|^src/' <<<"$1")
  [[ -z $found ]] || tell "$found"
}

has_nothing_of_here() {
  local found variable
  found=$(grep -E '^(\./)?(root/.|src/|tmp/.|etc/apt/.|usr/local/(cargo|rust|share/ca-certificates/.)|var/lib/apt/lists/[^.]|var/cache/apt/archives/.*deb)' <<<"$1" || true)
  while read -r variable; do
    found+=$(setting '.config.Env[]' | grep "^$variable=" || true)
  done < <(network_variables)
  [[ -z $found ]] || tell "$found"
}
