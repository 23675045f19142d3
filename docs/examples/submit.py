#!/usr/bin/env python3
"""Submits links to linkrelay, and tries again with the same Idempotency-Key until Kafka has them.

submit.py URL LINK...      exit code 0: all accepted, 1: some rejected
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid


def submit(url, links, key, tries=6):
    """Returns the status and the answer of the first try that was not a 503."""
    request = urllib.request.Request(
        f"{url}/links/send-message-kafka",
        data=json.dumps({"links": links}).encode(),
        headers={
            "content-type": "application/json",
            "idempotency-key": key,
            "x-api-key": os.environ.get("LINKRELAY_API_KEY", ""),
        },
    )
    for attempt in range(tries):
        pause = 2**attempt
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 503 or attempt == tries - 1:
                return error.code, json.load(error)
            pause = int(error.headers.get("retry-after", pause))
        except urllib.error.URLError:
            if attempt == tries - 1:
                raise
        time.sleep(pause)


def main(url, *links):
    # One key for all tries of this submission: no link gets a second document.
    key = os.environ.get("IDEMPOTENCY_KEY") or str(uuid.uuid4())
    status, answer = submit(url, links, key)
    if status in (201, 207):
        print(f"{answer['accepted']} links accepted: {url}{answer['status_url']}")
    else:
        print(f"{status}: {answer['detail']}")
    rejected = [result for result in answer.get("results", []) if result["status"] == "rejected"]
    for result in rejected:
        print(f"rejected: {result['link']}: {result['error']['message']} ({result['error']['code']})")
    return 0 if status == 201 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
