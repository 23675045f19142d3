#!/usr/bin/env bash
# The fault suites that are too long for `make test`: linkrelay's processes under a load, on servers
# that are killed, frozen and started again, and a count of what was lost or doubled.
#
#   scripts/fault.sh [one] [three] [long] [--from SEED] [--seeds N]   all three without a name
#
#   one    10 seeds on one Kafka broker, every kind of fault in each, about 2 minutes a seed
#   three  5 seeds on three brokers, which fail in parts, about 5 minutes a seed
#   long   one run of 100,000 links, of which less than 5 % may be extracted again, 15 minutes
#
# A seed decides about links and faults; even seeds use the group protocol of KIP-848, and those
# that end in 0 or 5 static members. Exit code 1 if any run was not well; its logs are kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

chaos=${CARGO_TARGET_DIR:-target}/release/chaos
logs=${CARGO_TARGET_DIR:-target}/fault

usage() {
  sed -n '2,/^set -e/{/^set -e/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
}

# The value of a number in the JSON line that ends a run.
figure() { sed -n "s/^{.*\"$2\":\([0-9.]*\).*/\1/p" "$1"; }

members() {
  local options=()
  (($1 % 2)) || options+=(--group-protocol consumer)
  (($1 % 5)) || options+=(--static-members)
  echo "${options[*]}"
}

# One run: its name, its seed, and the program's options. Prints a line.
run() {
  local name=$1 seed=$2 log=$logs/$1-$2.log verdict='all is well' options=("${@:3}")
  SECONDS=0
  if ! "$chaos" --seed "$seed" "${options[@]}" >"$log" 2>"$log.story"; then
    verdict="NOT WELL: see $log.story"
    failed=$((failed + 1))
  fi
  runs=$((runs + 1))
  printf '%-5s seed %-4s %s links, lost %s, doubled %s, extracted again %.1f %%, violations %s, %d s: %s\n' \
    "$name" "$seed" "$(figure "$log" links)" "$(figure "$log" lost)" "$(figure "$log" doubled)" \
    "$(figure "$log" repeated_percent)" "$(figure "$log" violations)" "$SECONDS" "$verdict"
}

suite() {
  local seed count=${seeds:-$2} options
  for ((seed = from; seed < from + count; seed++)); do
    read -ra options < <(members "$seed")
    run "$1" "$seed" "${@:3}" "${options[@]}"
  done
}

from=1 seeds='' names=()
while (($# > 0)); do
  case $1 in
    one | three | long) names+=("$1") ;;
    --from | --seeds)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage
      [[ $1 == --from ]] && from=$2 || seeds=$2
      shift
      ;;
    *) usage ;;
  esac
  shift
done
((${#names[@]} > 0)) || names=(one three long)

# One release build of everything: the processes are those that operators run.
cargo build --release --locked -p linkrelay-testkit --bin chaos \
  -p linkrelay-producer --bin linkrelay-producer -p linkrelay-consumer --bin linkrelay-consumer
mkdir -p "$logs"
runs=0 failed=0
for name in "${names[@]}"; do
  case $name in
    one) suite one 10 ;;
    three) suite three 5 --brokers 3 --links 2500 --minutes 3 ;;
    long) run long "$from" --links 100000 --minutes 10 --max-repeats 5 ;;
  esac
done
echo "fault suites: $runs runs, $failed not well"
((failed == 0))
