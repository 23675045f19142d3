#!/usr/bin/env bash
# Creates linkrelay's topics with Kafka's own command line, and describes them.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: ./kafka-topics.sh [OPTION…]

Creates the topic of links and the topic of dead letters, and with a name for it the topic of
results, if they are missing, and describes them. Safe to run again: a topic that is there keeps
its records and, unless --partitions asks for more, its partitions and settings; where those differ
from what is asked for here, the script says so, and how to change it.

  --bootstrap-server HOSTS  brokers, host:port, separated by commas
                            [default: $KAFKA_BROKERS, else 127.0.0.1:9092]
  --topic NAME              topic of links [default: $KAFKA_TOPIC, else LINKS-YOUTUBE]
  --dlq-topic NAME          topic of dead letters
                            [default: $KAFKA_DLQ_TOPIC, else LINKS-YOUTUBE.dlq]
  --results-topic NAME      topic of results [default: $KAFKA_RESULTS_TOPIC, else none]
  --partitions N            partitions of a new topic of links [default: 6]; one that is there
                            grows to N. Kafka cannot shrink a topic: fewer than it has is refused
  --replication N           copies of each partition of a new topic [default: 1]; from 3 on a
                            record is acknowledged only when two brokers have it
  --command-config FILE     settings of Kafka's admin client, for TLS or SASL
  --describe                only describes
  --help                    this text

The topic of dead letters gets one partition: there are few of them, and one keeps their order.
It keeps them without limit (retention.ms=-1, retention.bytes=-1), and takes larger records than
the topic of links, because a dead letter is its record with a few headers more. A new topic of
results gets as many partitions as a new topic of links; one that is there keeps its own.

Kafka's command line is looked for in $KAFKA_HOME/bin, then in PATH, then in the container
`kafka` of docker-compose.yml, if it runs.
Exit code: 0 done, 1 failed or refused, 2 wrong usage.
USAGE
}

fail() {
  echo "kafka-topics.sh: $1" >&2
  exit "${2:-1}"
}

# The options, and where they come from.
read_options() {
  brokers=${KAFKA_BROKERS:-127.0.0.1:9092}
  topic=${KAFKA_TOPIC:-LINKS-YOUTUBE}
  dlq_topic=${KAFKA_DLQ_TOPIC:-LINKS-YOUTUBE.dlq}
  results_topic=${KAFKA_RESULTS_TOPIC:-}
  partitions=''
  replication=''
  command_config=''
  only_describe=no
  while (($# > 0)); do
    case $1 in
      --help | -h) usage && exit 0 ;;
      --describe) only_describe=yes && shift && continue ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    esac
    case $1 in
      --bootstrap-server | --topic | --dlq-topic | --results-topic | --partitions | --replication | --command-config)
        [[ -n ${2:-} ]] || fail "$1 needs a value; see --help" 2
        ;;
      *) fail "unknown option $1; see --help" 2 ;;
    esac
    case $1 in
      --bootstrap-server) brokers=$2 ;;
      --topic) topic=$2 ;;
      --dlq-topic) dlq_topic=$2 ;;
      --results-topic) results_topic=$2 ;;
      --partitions) partitions=$(count "$1" "$2") ;;
      --replication) replication=$(count "$1" "$2") ;;
      --command-config) command_config=$2 ;;
    esac
    shift 2
  done
  [[ $topic != "$dlq_topic" ]] || fail "the topic of dead letters must differ from $topic" 2
  [[ $results_topic != "$topic" && $results_topic != "$dlq_topic" ]] ||
    fail "the topic of results must differ from $results_topic" 2
}

count() {
  [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || fail "$1 must be a whole number from 1 to 99999, not '$2'" 2
  echo "$2"
}

# Sets `kafka_topics`, the command to run.
find_command_line() {
  local here found
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  if [[ -n ${KAFKA_HOME:-} ]]; then
    [[ -x $KAFKA_HOME/bin/kafka-topics.sh ]] ||
      fail "KAFKA_HOME is set, but $KAFKA_HOME/bin/kafka-topics.sh is not there"
    kafka_topics=("$KAFKA_HOME/bin/kafka-topics.sh")
    return
  fi
  while read -r found; do
    # This script has the name of Kafka's own, and may lie in PATH.
    if [[ -n $found && ! $found -ef ${BASH_SOURCE[0]} ]] && ! cmp -s "$found" "${BASH_SOURCE[0]}"; then
      kafka_topics=("$found")
      return
    fi
  done < <(type -aP kafka-topics.sh kafka-topics || true)
  if [[ -n $(docker compose --project-directory "$here" ps --quiet --status running kafka 2>/dev/null) ]]; then
    [[ -z $command_config ]] || fail "--command-config names a file that the container cannot see"
    kafka_topics=(docker compose --project-directory "$here" exec -T kafka
      /opt/kafka/bin/kafka-topics.sh)
    return
  fi
  fail "Kafka's command line was not found: set KAFKA_HOME to a Kafka folder, put its bin folder \
in PATH, or start the broker with \`docker compose up -d kafka\`"
}

run_kafka_topics() {
  "${kafka_topics[@]}" --bootstrap-server "$brokers" \
    ${command_config:+--command-config "$command_config"} "$@"
}

# Sets `existing_partitions` and `existing_replication`.
describe() {
  description=$(run_kafka_topics --describe --topic "$1") ||
    fail "topic $1 cannot be described: does it exist, and is there a broker at $brokers?"
  [[ $description =~ PartitionCount:[[:space:]]*([0-9]+) ]] ||
    fail "Kafka's description of topic $1 was not understood: $description"
  existing_partitions=${BASH_REMATCH[1]}
  existing_replication=''
  if [[ $description =~ ReplicationFactor:[[:space:]]*([0-9]+) ]]; then
    existing_replication=${BASH_REMATCH[1]}
  fi
}

# A setting of the topic that was described last; Kafka leaves out what has its default.
setting() {
  local key=$1 default=$2
  if [[ $description =~ [[:space:],]"$key"=([^,[:space:]]*) ]]; then
    echo "${BASH_REMATCH[1]}"
  else
    echo "$default"
  fi
}

# Says which settings of a topic that was there are not the given ones.
tell_differences() {
  local name=$1 wanted key value found differing=()
  for wanted in "${@:2}"; do
    key=${wanted%%=*} value=${wanted#*=}
    case $key in
      retention.ms) found=$(setting "$key" 604800000) ;;
      retention.bytes) found=$(setting "$key" -1) ;;
      max.message.bytes) found=$(setting "$key" 1048588) ;;
      min.insync.replicas) found=$(setting "$key" 1) ;;
      # A compacted topic of results keeps the newest of each document.
      *) continue ;;
    esac
    # A larger one is as good, but for a limit of what is kept.
    [[ $found == "$value" ]] && continue
    [[ $key != retention.* ]] && ((found > value)) && continue
    echo "topic $name: $key is $found and should be $value" >&2
    differing+=("$wanted")
  done
  ((${#differing[@]} > 0)) || return 0
  echo "topic $name: to change it: kafka-configs.sh --bootstrap-server $brokers --alter \
--entity-type topics --entity-name $name --add-config $(IFS=, && echo "${differing[*]}")" >&2
}

# Topic, partitions if it is new, partitions that it must have (or nothing: as many as it has),
# settings.
create() {
  local name=$1 new_partitions=$2 wanted=$3 settings=("${@:4}") configs=() each
  ((${replication:-1} < 3)) || settings+=(min.insync.replicas=2)
  for each in ${settings[@]+"${settings[@]}"}; do
    configs+=(--config "$each")
  done
  run_kafka_topics --create --if-not-exists --topic "$name" \
    --partitions "$new_partitions" --replication-factor "${replication:-1}" \
    ${configs[@]+"${configs[@]}"} >/dev/null ||
    fail "topic $name cannot be created: is there a broker at $brokers?"
  describe "$name"
  if [[ -n $wanted ]] && ((existing_partitions > wanted)); then
    fail "topic $name has $existing_partitions partitions; Kafka cannot shrink a topic to $wanted"
  fi
  if [[ -n $wanted ]] && ((existing_partitions < wanted)); then
    run_kafka_topics --alter --topic "$name" --partitions "$wanted" >/dev/null ||
      fail "topic $name cannot grow from $existing_partitions to $wanted partitions"
    echo "topic $name grew from $existing_partitions to $wanted partitions" >&2
    describe "$name"
  fi
  if [[ -n $replication && -n $existing_replication && $existing_replication != "$replication" ]]; then
    echo "topic $name has replication $existing_replication, which this script does not change" >&2
  fi
  tell_differences "$name" ${settings[@]+"${settings[@]}"}
}

main() {
  read_options "$@"
  find_command_line
  local name letter_bytes
  if [[ $only_describe == no ]]; then
    # The one that can be refused goes first, so that a refusal changes nothing.
    create "$topic" "${partitions:-6}" "$partitions"
    echo "$description"
    letter_bytes=$(($(setting max.message.bytes 1048588) + 65536))
    ((letter_bytes > 2097152)) || letter_bytes=2097152
    create "$dlq_topic" 1 '' retention.ms=-1 retention.bytes=-1 "max.message.bytes=$letter_bytes"
    echo "$description"
    [[ -n $results_topic ]] || return 0
    create "$results_topic" "${partitions:-6}" '' cleanup.policy=delete
    echo "$description"
    return
  fi
  for name in "$topic" "$dlq_topic" ${results_topic:+"$results_topic"}; do
    describe "$name"
    echo "$description"
  done
}

main "$@"
