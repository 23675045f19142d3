#!/usr/bin/env bash
# What `make image-test` looks at in running containers. Sourced by scripts/image-test.sh.
# shellcheck disable=SC2154,SC2034 # what has no value or no use here has it in scripts/image-test.sh

demo=image-test-demo-$$
producer=image-test-producer-$$
consumer=image-test-consumer-$$
anonymous=LINKRELAY_ALLOW_ANONYMOUS=true
video='https://www.youtube.com/watch?v=5fR9AHlSDtc'
# Those of the Dockerfile's HEALTHCHECK, and the default DRAIN_TIMEOUT of a producer, the longer one.
health=(linkrelay health)
drain_s=15

check_running() {
  check_version
  check_refusal
  check_demo
  check_servers
}

check_version() {
  local program volume
  volume=$(make_volume)
  for program in "${programs[@]}"; do
    run_container "$demo" none "$volume" -- "$program" --version
    check "$program --version: $said" test "$code" = 0 -a "$said" = "$program $version ($commit)"
  done
}

# Without keys, and with the settings of the image alone.
check_refusal() {
  run_container "$demo" none "$(make_volume)"
  check "without keys it does not start, and says what to do in one line, exit code $code" \
    is_refusal "$said"
}

is_refusal() {
  [[ $code == 2 && $(wc -l <<<"$1") == 1 && $1 == *HTTP_ADDR* && $1 == *'linkrelay keys add'* &&
    $1 == *LINKRELAY_ALLOW_ANONYMOUS=true* ]] || tell "$1"
}

# ---- One process, without a network ----------------------------------------------------------

check_demo() {
  local volume id
  volume=$(make_volume)
  start_container "$demo" none "$volume" "$anonymous" -- linkrelay up --demo
  check "up --demo is ready, with a read-only root and no network but its own loopback" \
    is_ready "$demo" linkrelay health --ready
  check "its process is user $user_id, with no capability and no new privileges" is_unprivileged
  check "only /data can be written" is_read_only
  check "a link submitted with --wait is stored" \
    in_container_log "$demo" linkrelay submit --wait "$video"
  id=$(request_id)
  check "its document is found: request $id" is_stored "$id"
  check "the health check succeeds" in_container_log "$demo" "${health[@]}"
  check "linkrelay_build_info names the commit" names_commit
  check_health_of_a_hanging_process
  check_stop "$demo"
  check "the health check fails where no linkrelay runs" health_fails "$volume"
  start_container "$demo" none "$volume" "$anonymous" -- linkrelay up --demo
  check "after the stop, the volume has the document: request $id" is_stored_after_start "$id"
  check_kill "$id" "$volume"
  check_stop "$demo"
}

# A server is asked with patience, then its log says why it is not ready.
is_ready() {
  until_done 120 "$@" || tell "$(tail -n 20 "$folder/$1.log")"
}

# Runs a command in a container, and shows what it printed if it fails.
in_container_log() {
  timeout 120 runc --root "$folder/runc" exec "$@" </dev/null >"$folder/$1.command" 2>&1 ||
    tell "$(tail -n 20 "$folder/$1.command")"
}

is_unprivileged() {
  local status
  status=$(in_container "$demo" sh -c 'cat /proc/1/status; id -u; id -g')
  [[ $(grep -c '^Cap[A-Z][a-z]*:.0000000000000000$' <<<"$status") == 5 && $status == *$'NoNewPrivs:\t1'* &&
    $(tail -n 2 <<<"$status" | xargs) == "${user_id/:/ }" && ${user_id%%:*} != 0 ]] || tell "$status"
}

# Shell words for a container.
# shellcheck disable=SC2016
is_read_only() {
  local written
  written=$(in_container "$demo" sh -c \
    'for folder in $(find / -xdev -maxdepth 2 -type d) /data /dev; do touch "$folder/x" 2>/dev/null && rm "$folder/x" && echo "$folder"; done; true')
  [[ $(sort -u <<<"$written") == /data ]] || tell "written: $written"
}

# The id that the last `linkrelay submit` printed.
request_id() { grep -oE '^[0-9a-f]{8}(-[0-9a-f]+)+-[0-9]+$' "$folder/$demo.command"; }

is_stored() {
  local status
  status=$(in_container "$demo" linkrelay status "${1:-none}" 2>&1) || true
  [[ $status == *'1 stored'* ]] || tell "$status"
}

is_stored_after_start() { is_ready "$demo" linkrelay health --ready && is_stored "$1"; }

names_commit() {
  local metrics
  # shellcheck disable=SC2016
  metrics=$(in_container "$demo" bash -c \
    'exec 3<>/dev/tcp/127.0.0.1/3000 && printf "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3 && cat <&3')
  grep "^linkrelay_build_info{.*commit=\"$commit\"" <<<"$metrics" || tell "$(grep build_info <<<"$metrics")"
}

check_health_of_a_hanging_process() {
  local began
  runc_here kill "$demo" STOP
  began=$SECONDS
  check "the health check fails for a process that hangs" is_unhealthy "$demo"
  echo "# it took $((SECONDS - began)) s; Docker waits 6 s"
  runc_here kill "$demo" CONT
  check "and succeeds when it continues" is_ready "$demo" "${health[@]}"
}

is_unhealthy() { ! in_container "$1" "${health[@]}" >"$folder/$1.command" 2>&1; }

health_fails() {
  run_container "$demo" none "$1" -- "${health[@]}"
  [[ $code == 1 && $said == *'does not answer'* ]] || tell "exit code $code: $said"
}

check_stop() {
  stop_container "$1"
  check "SIGTERM ends ${1#image-test-} with exit code $code after $seconds s (DRAIN_TIMEOUT: $drain_s s)" \
    has_stopped "$1"
}

has_stopped() { ((code == 0 && seconds <= drain_s)) || tell "$(tail -n 20 "$folder/$1.log")"; }

# SIGKILL, as when the machine fails: what was answered is stored after the next start.
check_kill() {
  local more
  check "two more links are accepted" in_container_log "$demo" linkrelay submit "$video&t=1s" "$video&t=2s"
  more=$(request_id)
  runc_here kill "$demo" KILL
  wait "${containers[$demo]}" || true
  unset "containers[$demo]"
  start_container "$demo" none "$2" "$anonymous" -- linkrelay up --demo
  check "after SIGKILL, the volume still has it" is_stored_after_start "$1"
  check "and both links that were accepted before the kill are stored" \
    until_done 60 "$demo" sh -c "linkrelay status $more | grep -q '2 stored'"
}

# ---- Two roles, on servers of this machine ---------------------------------------------------

# Kafka, a server that speaks MongoDB's protocol and a fake YouTube, by the testkit.
start_servers() {
  local limit=$((SECONDS + 120))
  say "building the testkit, which starts Kafka, SecantusDB and a fake YouTube"
  # As the tests build it, with the same features.
  (cd "$workspace" && cargo build --quiet --locked --workspace --bins)
  "${CARGO_TARGET_DIR:-$workspace/target}/debug/site" </dev/null >"$folder/servers" 2>"$folder/servers.log" &
  servers=$!
  until grep -qx ready "$folder/servers"; do
    kill -0 "$servers" 2>/dev/null || give_up "$folder/servers.log" "the servers ended"
    ((SECONDS < limit)) || give_up "$folder/servers.log" "the servers do not start"
    sleep 0.2
  done
  mapfile -t site < <(grep -vxE 'ready|YOUTUBE_CA_CERT=.*' "$folder/servers")
  # The file is for its owner alone, which is not the user of the image.
  certificate=$folder/youtube.pem
  install --mode 644 "$(sed -n 's/^YOUTUBE_CA_CERT=//p' "$folder/servers")" "$certificate"
  site+=("YOUTUBE_CA_CERT=/etc/youtube.pem")
}

check_servers() {
  local volume producer_port consumer_port
  volume=$(make_volume)
  start_servers
  producer_port=$(free_port)
  consumer_port=$(free_port)
  site+=("LINKRELAY_URL=http://127.0.0.1:$producer_port" "EXTRACTOR_URL=http://127.0.0.1:$consumer_port"
    "EXTRACTOR_ADDR=127.0.0.1:$consumer_port")
  run_container "$producer" host "$volume" "${site[@]}" -- linkrelay topics create
  check "topics create makes the topics on this machine's Kafka" test "$code" = 0
  start_container "$consumer" host "$volume" "${site[@]}" "HTTP_ADDR=127.0.0.1:$consumer_port" -- linkrelay-consumer
  start_container "$producer" host "$volume" "${site[@]}" "HTTP_ADDR=127.0.0.1:$producer_port" -- linkrelay-producer
  check "a producer is ready on a real Kafka and SecantusDB" is_ready "$producer" linkrelay health --ready
  check "and a consumer" is_ready "$consumer" linkrelay health --ready
  check "a link submitted to the producer is stored by the consumer" \
    in_container_log "$producer" linkrelay submit --wait "$video"
  check "every part that is configured can be reached (linkrelay check)" in_container_log "$producer" linkrelay check
  check_stop "$producer"
  check_stop "$consumer"
}

free_port() {
  local port
  until port=$((20000 + RANDOM % 10000)) && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
