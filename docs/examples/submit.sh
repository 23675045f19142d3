#!/usr/bin/env bash
# Submits links to linkrelay, and tries again with the same Idempotency-Key until Kafka has them.
#
#   submit.sh URL LINK...      exit code 0: all accepted, 1: some rejected (the answer says which)
set -euo pipefail

url=$1
shift
# One key for all tries of this submission: no link gets a second document.
key=${IDEMPOTENCY_KEY:-$(cat /proc/sys/kernel/random/uuid)}
api_key=${LINKRELAY_API_KEY:-}
# A JSON list of the arguments; backslashes and quotes are escaped.
body=$(printf '%s\n' "$@" | sed 's/[\\"]/\\&/g; s/.*/"&"/' | paste -sd, -)
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
for pause in 1 2 4 8 16 0; do
  status=$(curl -sS -o "$answer" -w '%{http_code}' "$url/links/send-message-kafka" \
    -H 'content-type: application/json' -H "idempotency-key: $key" \
    -H "x-api-key: $api_key" -d "{\"links\":[$body]}") ||
    status=000
  case $status in
    201) cat "$answer" && exit 0 ;;
    000 | 503) sleep "$pause" ;;
    # 207: some links are rejected; 4xx: the request is wrong, and stays so.
    *) cat "$answer" && exit 1 ;;
  esac
done
echo "not accepted: $status" >&2
exit 1
