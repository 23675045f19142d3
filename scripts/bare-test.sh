#!/usr/bin/env bash
# Runs the README's two commands on a machine that has nothing: a Debian with only Rust and make
# added, in a folder of its own. What they need beside that, scripts/bootstrap.sh must install.
#
#   scripts/bare-test.sh [bookworm|trixie|12|13]   both, one after the other, without an argument
#   scripts/bare-test.sh --look [bookworm|trixie]  the root, bootstrap and the test servers alone
#
# Needs root, and an hour for each Debian. Nothing is lent to it but the network, this toolchain
# (read-only), and how this machine reaches the network: its resolver, proxies, own certificates,
# and the settings of apt, cargo, pip and Maven. It downloads every crate itself. Everything
# runs in namespaces of its own, so that processes and mounts end with them, no matter what happens. The
# root without Rust is kept as target/bare/<name>.tar; remove it to have it made again.
set -euo pipefail

workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=${CARGO_TARGET_DIR:-$workspace/target}/bare
# What `up` listens on by default; it shares the network with this machine.
ports=(3000 5000)
build_limit_s=3600
link='https://www.youtube.com/watch?v=5fR9AHlSDtc'

script=bare-test
# shellcheck source=scripts/debian-root.sh
source "$workspace/scripts/debian-root.sh"

check_machine() {
  ((EUID == 0)) || fail "it needs root, for a root folder and namespaces of its own"
  need_packages mmdebstrap mmdebstrap
  find_toolchain
}

# ---- Making the root -------------------------------------------------------------------------

# What is this machine's own about the network, at the same place in the root.
copy_settings() {
  local root=$1 path
  for path in /etc/resolv.conf /etc/hosts /etc/pip.conf \
    /usr/local/share/ca-certificates; do
    copy "$path" "$root$path"
  done
  copy "$(cargo_settings)" "$root/root/.cargo/config.toml"
  # Maven's package asks before it replaces a file of its own that another program has changed.
  copy /etc/maven/settings.xml "$root/root/.m2/settings.xml"
  for path in .config/pip/pip.conf .pip/pip.conf .m2/settings.xml; do
    copy "$HOME/$path" "$root/root/$path"
  done
}

# ---- In the namespaces -----------------------------------------------------------------------

# The environment of a new machine, but for proxies, certificates and registries.
in_root() {
  local passed=() name
  while read -r name; do
    passed+=("$name=${!name}")
  done < <(network_variables)
  env -i "${passed[@]}" HOME=/root LANG=C.UTF-8 \
    PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /bin/sh -c "cd /root/linkrelay && $1"
}

mount_all() {
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  mkdir -p "$root/opt/rust"
  mount --bind "$toolchain" "$root/opt/rust"
  mount -o remount,bind,ro "$root/opt/rust"
}

# Runs both commands in one Debian; called by this script itself, as process 1 of its namespace.
inside() {
  local suite=$1 whole=$2
  root=$3/root
  toolchain=$4
  mkdir "$root"
  tar -xf "$folder/$suite.tar" -C "$root"
  mount_all
  copy_settings "$root"
  git clone -q --no-hardlinks "$workspace" "$root/root/linkrelay"
  say "$suite: $(in_root 'cargo --version'), commit $(git -C "$root/root/linkrelay" rev-parse --short HEAD)"
  if [[ $whole == no ]]; then
    in_root 'scripts/bootstrap.sh && scripts/bootstrap.sh --tests && scripts/tools.sh'
    return
  fi
  try_demo "$suite" "$3/up.log"
  try_tests "$suite" "$3/test.log"
}

try_demo() {
  local suite=$1 log=$2 make code=0
  SECONDS=0
  say "$suite: make up ARGS=--demo"
  in_root 'exec make up ARGS=--demo' >"$log" 2>&1 &
  make=$!
  until [[ $(ask GET /health/ready) == *' 200 '* ]]; do
    kill -0 "$make" 2>/dev/null || give_up "$suite" "$log" "make up ended before it answered"
    ((SECONDS < build_limit_s)) || give_up "$suite" "$log" "make up does not answer"
    sleep 1
  done
  say "$suite: it answers after $(minutes $SECONDS)"
  send_a_link "$suite" "$log"
  kill -TERM "$(pid_of_linkrelay)"
  wait "$make" || code=$?
  ((code == 0)) || give_up "$suite" "$log" "after SIGTERM the exit code was $code"
  tail -n 5 "$log"
  say "$suite: make up ARGS=--demo: one link stored, exit code 0, $(minutes $SECONDS)"
}

send_a_link() {
  local answer id deadline=$((SECONDS + 60))
  answer=$(ask POST /links/send-message-kafka "{\"links\":\"$link\"}")
  [[ $answer == *' 201 '* && $answer =~ \"id\":\"([^\"]+)\" ]] ||
    give_up "$1" "$2" "a link was answered: $answer"
  id=${BASH_REMATCH[1]}
  until answer=$(ask GET "/links/$id") && [[ $answer == *'"stored":1'* ]]; do
    ((SECONDS < deadline)) || give_up "$1" "$2" "its document is not stored: $answer"
    sleep 1
  done
}

try_tests() {
  local suite=$1 log=$2 code=0
  say "$suite: make test"
  in_root 'exec make test' >"$log" 2>&1 || code=$?
  ((code == 0)) || give_up "$suite" "$log" "make test ended with $code"
  tail -n 3 "$log"
}

# The whole answer to a request, in one line; nothing if no program listens. Bash speaks TCP itself.
ask() {
  local body=${3:-}
  (
    exec 3<>"/dev/tcp/127.0.0.1/${ports[0]}"
    printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
      "$1" "$2" "${#body}" "$body" >&3
    timeout 20 cat <&3 | tr '\r\n' '  '
  ) 2>/dev/null || true
}

# Ctrl-C reaches it directly; a signal to make alone would not.
pid_of_linkrelay() {
  local exe
  for exe in /proc/[0-9]*/exe; do
    if [[ $(readlink "$exe") == */release/linkrelay ]]; then
      exe=${exe#/proc/}
      echo "${exe%/exe}"
      return
    fi
  done
  fail "linkrelay does not run"
}

give_up() {
  tail -n 60 "$2" >&2
  # What failed, if tests did: the end alone may not say it.
  grep -E '^(test .* FAILED|error(\[|:)|thread .* panicked)' "$2" | head -n 40 >&2 || true
  fail "$1: $3"
}

minutes() { echo "$(($1 / 60)) min $(($1 % 60)) s"; }

# ---- From outside ----------------------------------------------------------------------------

cleanup() {
  # Process 1 of the namespace dies with `unshare`, and with it all the others and the mounts.
  [[ -z $running ]] || kill -KILL "$running" 2>/dev/null || true
  wait
  local tries_left=10
  until [[ -z $work ]] || rm -rf --one-file-system "$work" 2>/dev/null || ((--tries_left == 0)); do
    sleep 1
  done
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets `code`, since what is called in a condition goes on after a failed command.
try_debian() {
  local suite=$1 whole=$2 port
  code=0
  for port in "${ports[@]}"; do
    ! is_taken "$port" || fail "port $port is taken, and \`make up\` wants it"
  done
  [[ -f $folder/$suite.tar ]] || say "making a $suite root with make in it"
  make_root "$suite" "$folder/$suite.tar" --include=make
  work=$(mktemp -d "$folder/$suite.XXXXXX")
  # In the background, so that this shell gets Ctrl-C immediately.
  unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
    "${BASH_SOURCE[0]}" --inside "$suite" "$whole" "$work" "$toolchain" </dev/null &
  running=$!
  wait "$running" || code=$?
  cleanup
  running='' work=''
}

main() {
  local whole=yes suites=(bookworm trixie) suite failed=() started=$SECONDS
  if [[ ${1:-} == --look ]]; then
    whole=no
    shift
  fi
  case ${1:-} in
    '') ;;
    12 | bookworm) suites=(bookworm) ;;
    13 | trixie) suites=(trixie) ;;
    *) fail "usage: scripts/bare-test.sh [--look] [bookworm|trixie]" ;;
  esac
  check_machine
  running='' work=''
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  for suite in "${suites[@]}"; do
    try_debian "$suite" "$whole"
    ((code == 0)) || failed+=("$suite")
  done
  say "took $(minutes $((SECONDS - started)))"
  ((${#failed[@]} == 0)) || fail "failed on ${failed[*]}"
  say "passed on ${suites[*]}"
}

if [[ ${1:-} == --inside ]]; then
  shift
  inside "$@"
else
  main "$@"
fi
