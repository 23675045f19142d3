#!/usr/bin/env bash
# The health check of a container: asks the role that runs in it, at the port of HTTP_ADDR.
# Bash speaks TCP itself, so the image needs no curl.
#
#   healthcheck [/health/live]    exit 0 if the answer is 200
set -euo pipefail

addr=${HTTP_ADDR:-127.0.0.1:3000}
exec 3<>"/dev/tcp/127.0.0.1/${addr##*:}"
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "${1:-/health/live}" >&3
# A role that hangs must not keep the check waiting forever.
read -r -t 5 _ status _ <&3
[[ $status == 200 ]]
