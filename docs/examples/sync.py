"""Sync what a newsroom knows into Corrigenda: docs/partners.md says what happens here and why.

    CORRIGENDA_KEY=ck_… python3 sync.py https://corrigenda.example/graphql feed.jsonl

Each line of the feed is one operation of a `CommitInput`, such as an `upsertClaim`; how your
own rows become operations is up to you. Needs Python 3.9 and nothing else. It ends with 1 where
something was left out, and may be run again at any time: what is there already stays as it is.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

AT_ONCE = 200  # operations in one changeset; at most 1,000
TRIES = 8
COMMIT = """mutation SyncByReference($input: CommitInput!) { commit(input: $input) {
  changeset { position } upserts { operation id result } userErrors { code message path } } }"""


def send(url: str, key: str, body: dict[str, Any], idempotency_key: uuid.UUID) -> Any:
    """Return the answer to a request, which is sent again until it has one."""
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {key}",
        "Idempotency-Key": f'"{idempotency_key}"',
    }
    for attempt in range(TRIES):
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        wait = 2**attempt
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as fault:
            if fault.code not in (409, 429, 500, 503):  # what is wrong will not mend itself
                raise SystemExit(f"{fault.code}: {fault.read().decode()}") from None
            wait = int(fault.headers.get("Retry-After", wait))
        except OSError as fault:  # nobody knows whether it was written: the key does
            print(f"{fault}; trying again", file=sys.stderr)
        time.sleep(wait)
    raise SystemExit("there was no answer; run this again later")


def sync(
    url: str, key: str, operations: list[Any], note: str
) -> tuple[Counter[str], list[tuple[int, str, str, str]]]:
    """Commit operations in changesets of `AT_ONCE`; return how many did what, and the failures."""
    counts: Counter[str] = Counter()
    failures = []
    for start in range(0, len(operations), AT_ONCE):
        part = operations[start : start + AT_ONCE]
        given = {
            "reason": {"code": "NEW_SOURCE", "note": note},
            "operations": part,
            "errorPolicy": "SKIP_FAILED",
        }
        body = {"query": COMMIT, "variables": {"input": given}}
        answer = send(url, key, body, uuid.uuid4())  # one key for every try of this part
        if answer.get("errors"):
            raise SystemExit(json.dumps(answer["errors"]))
        payload = answer["data"]["commit"]
        counts.update(one["result"] for one in payload["upserts"])
        for error in payload["userErrors"]:
            path = error["path"]
            if path[0] != "operations" or not path[1:]:  # of it all: nothing of it was written
                raise SystemExit(f"{error['code']}: {error['message']}")
            where = ".".join(path[2:])
            failures.append((start + int(path[1]), where, error["code"], error["message"]))
    return counts, failures


def main() -> None:
    """Sync the feed that the command line names."""
    url, file = sys.argv[1:]
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    operations = [json.loads(line) for line in lines if line.strip()]
    note = f"As our feed {Path(file).name} has it."
    counts, failures = sync(url, os.environ["CORRIGENDA_KEY"], operations, note)
    print(", ".join(f"{count} {result.lower()}" for result, count in sorted(counts.items())))
    for place, where, code, message in failures:
        print(f"line {place + 1}: {where}: {code}: {message}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
