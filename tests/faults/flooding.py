"""Floods: what an attacker sends to a server, as much of it as a few connections carry.

    python -m tests.faults.flooding NAME PORT SECONDS

sends the flood of a name, from an address of its own, and prints what came back as JSON. The
attacker yields to whatever else runs (`os.nice`), keeps to a rate, and has few connections: it
shares the processors with the server that it attacks, and must not win by taking those away.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from app.domain.keys import new_key

ADDRESS: Final = "127.0.1.{}"
"""Where a flood comes from, by its number: what the last one spent is not the next one's debt."""

NICE: Final = 10
PATIENCE: Final = 10.0
_OPERATIONS: Final = Path(__file__).resolve().parents[2] / "schema" / "operations"


def request(body: bytes, *headers: str, method: str = "POST", path: str = "/graphql") -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def asked(query: str, variables: Any = None, *headers: str) -> bytes:
    """Return a request that sends a document."""
    return request(json.dumps({"query": query, "variables": variables}).encode(), *headers)


Talk = Callable[["Attacker"], Any]
"""What one connection does, until the time is over."""


@dataclass(frozen=True, slots=True)
class Flood:
    """One way to wear a server out."""

    name: str
    what: str
    messages: Callable[[], Iterator[bytes]] = lambda: iter(())
    rate: float = 200.0
    """Requests a second, all connections together."""
    connections: int = 8
    talk: Talk | None = None
    """What a connection does in place of asking and reading the answer."""


@dataclass(slots=True)
class Attacker:
    """One run of a flood."""

    flood: Flood
    port: int
    until: float
    messages: Iterator[bytes]
    address: str
    sent: int = 0
    came: Counter[str] = field(default_factory=Counter)
    _next: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until

    async def turn(self) -> bytes:
        """Wait until the rate allows another request, and return it."""
        now = time.monotonic()
        self._next = max(self._next, now - 0.1) + 1 / self.flood.rate
        await asyncio.sleep(max(0.0, self._next - now))
        self.sent += 1
        return next(self.messages)

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect; wait a little where the server takes no more."""
        while True:
            try:
                return await asyncio.open_connection(
                    "127.0.0.1", self.port, local_addr=(self.address, 0), limit=2**22
                )
            except OSError:
                self.came["no connection"] += 1
                await asyncio.sleep(0.05)

    async def run(self) -> None:
        """Let every connection talk until the time is over."""
        talk = self.flood.talk or ask
        each = [asyncio.create_task(self._one(talk)) for _ in range(self.flood.connections)]
        await asyncio.sleep(max(0.0, self.until - time.monotonic()))
        for one in each:
            one.cancel()
        await asyncio.gather(*each, return_exceptions=True)

    async def _one(self, talk: Talk) -> None:
        while not self.is_over:
            try:
                await talk(self)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                self.came["closed"] += 1
                await asyncio.sleep(0.02)


async def ask(attacker: Attacker) -> None:
    """Send requests over one connection and read every answer."""
    reader, writer = await attacker.opened()
    try:
        while not attacker.is_over:
            writer.write(await attacker.turn())
            with suppress(ConnectionError):
                await writer.drain()
            status, keeps = await answer(reader)
            attacker.came[status] += 1
            if not keeps:
                return
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """Read one answer; return its status and whether the connection stays."""
    async with asyncio.timeout(PATIENCE):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
    return head.split(b" ", 2)[1].decode(), b"connection: close" not in head


async def hold_half_open(attacker: Attacker) -> None:
    """Begin a request and never end it; count how often the server hangs up."""
    reader, writer = await attacker.opened()
    try:
        writer.write(b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        attacker.sent += 1
        with suppress(ConnectionError):
            await reader.read()
        attacker.came["hung up"] += 1
    finally:
        writer.close()
    await asyncio.sleep(1.0)


async def send_slowly(attacker: Attacker) -> None:
    """Announce a body and give a byte of it a second."""
    reader, writer = await attacker.opened()
    ended = asyncio.create_task(reader.read())
    try:
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: 900000\r\n\r\n"
        )
        attacker.sent += 1
        while not ended.done() and not attacker.is_over:
            writer.write(b" ")
            await asyncio.wait([ended], timeout=1.0)
        attacker.came["hung up"] += ended.done()
    finally:
        ended.cancel()
        writer.close()
    await asyncio.sleep(0.2)


async def never_read(attacker: Attacker) -> None:
    """Ask for large answers again and again, one behind the other, and read none of them."""
    _, writer = await attacker.opened()
    try:
        while not attacker.is_over and not writer.is_closing():
            message = await attacker.turn()
            async with asyncio.timeout(1.0):
                writer.write(message)
                await writer.drain()
    except TimeoutError:
        attacker.came["stuck"] += 1
        await asyncio.sleep(1.0)
    finally:
        writer.transport.abort()


# --- what is sent ------------------------------------------------------------------


def again(*messages: bytes) -> Callable[[], Iterator[bytes]]:
    """Return what gives the same requests in turn, without end."""
    return lambda: (messages[number % len(messages)] for number in count())


def numbered(make: Callable[[int], bytes]) -> Callable[[], Iterator[bytes]]:
    """Return what gives a request of its own for every number, without end."""
    return lambda: map(make, count())


def _words(number: int) -> str:
    """Return a name that no other number has."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:12]


def _aliases(number: int) -> bytes:
    fields = " ".join(f"a{at}: actors(first: 1) {{ totalCount }}" for at in range(1_000))
    return asked(f"query N{_words(number)} {{ {fields} }}"[:200_000])


def _fits_aliases(number: int) -> bytes:
    """As many aliases as are allowed, each asking for as much as it may."""
    fields = " ".join(
        f"a{at}_{_words(number + at)[:4]}: actors(first: 20, filter: {{ kinds: [STATE] }}) "
        "{ totalCount nodes { id name } }"
        for at in range(19)
    )
    return asked(f"{{ {fields} }}")


def _doubling(number: int) -> bytes:
    parts = [f"fragment F0{number} on Actor {{ id }}"]
    parts += [
        f"fragment F{at}{number} on Actor {{ ...F{at - 1}{number} ...F{at - 1}{number} }}"
        for at in range(1, 49)
    ]
    return asked(f"{{ actors {{ nodes {{ ...F48{number} }} }} }} {' '.join(parts)}")


def _overlapping(number: int) -> bytes:
    """Many fields under one name, which one rule of validation compares pair by pair."""
    fields = "id name " * 95
    return asked(f"query N{_words(number)} {{ actors(first: 1) {{ nodes {{ {fields} }} }} }}")


def _deep_list(number: int) -> bytes:
    depth = 6_000
    deep = "[" * depth + "]" * depth
    return asked(f"query N{_words(number)} {{ nodes(ids: {deep}) {{ id }} }}")


def _deep_json(number: int) -> bytes:
    deep = b"[" * 100_000 + b"]" * 100_000
    return request(b'{"query": "{ __typename }", "variables": {"n%d": %b}}' % (number, deep))


def _wide_json(number: int) -> bytes:
    """Variables of 19,000 values, all of which the document takes."""
    wide = ",".join(f'"{number}-{at}"' for at in range(19_000))
    query = "query V($ids: [ID!]) { actors(filter: { ids: $ids }) { totalCount } }"
    return request(f'{{"query": "{query}", "variables": {{"ids": [{wide}]}} }}'.encode())


def _twice(number: int) -> bytes:
    """JSON that is read a second time, as it does not come back byte for byte."""
    pad = " " * 400_000 + ",".join('{"a" : 1}' for _ in range(50_000))
    return request(f'{{"query": "{{ __typename }}", "x{number}": [{pad}]}}'.encode())


def _big_body(number: int) -> bytes:
    return request(b'{"query": "{ __typename }", "x": "%b"}' % (b"a" * 990_000))


def _too_big_body(number: int) -> bytes:
    """A body of 20 MB, of which a megabyte is sent: the server refuses by what is announced."""
    head = request(b"", "Connection: close").replace(b"Length: 0", b"Length: 20000000")
    return head + b"a" * 1_000_000


_CLAIMS: Final = (
    "claims(first: 5) { totalCount nodes { id quote { exact prefix suffix } "
    "citation { id title publisher { id name } claimsResting(first: 3) { nodes { id } } } } }"
)


def _costly(number: int) -> bytes:
    """A valid question that stays just within the limit of cost."""
    return asked(
        "query C($n: Int!, $t: [TransferStage!], $e: String!) { search(text: $e, first: 1) "
        "{ nodes { id } } transfers(orderBy: OCCURRED_DESC, first: $n, "
        "filter: { stages: $t }) { totalCount nodes { id title summary giver { id name } "
        f"receiver {{ id name }} item {{ id name }} {_CLAIMS} }} }} }}",
        {"n": 60 + number % 40, "t": None, "e": _words(number)},
    )


def _costly_texts(number: int) -> bytes:
    """Searches that no index helps, each other than the last."""
    kinds = ["ACTOR", "ITEM", "TRANSFER", "CITATION", "CLAIM"]
    return asked(
        "query S($t: String!, $k: [RecordKind!], $n: Int) "
        "{ search(text: $t, kinds: $k, first: $n) { totalCount nodes { id } } }",
        {
            "t": ("Ministry", "a report", "horses", "customs records", "Courier")[number % 5],
            "k": [one for at, one in enumerate(kinds) if (number // 5 + 1) >> at & 1] or kinds,
            "n": 50 - number // 160 % 50,
        },
    )


def _counted(number: int) -> bytes:
    """Counts over everything that is contested, under filters that nobody asked for before."""
    fields = " ".join(
        f"f{at}: findings(filter: {{ statuses: [CONTESTED, DENIED, UNSUPPORTED], fields: "
        f"[QUANTITY, GIVER, {field}] }}, first: {1 + number % 90}) {{ totalCount }}"
        for at, field in enumerate(("ITEM", "STAGE", "OCCURRED"))
    )
    return asked(f"{{ {fields} }}")


def _year(number: int) -> str:
    return f"{1000 + number % 900}-{1 + number % 12:02}-{1 + number % 28:02}"


def _totals(number: int) -> bytes:
    """Sums over everything, rolled up along every hierarchy."""
    return asked(
        "query T($t: TransferFilter) { transferTotals(groupBy: [GIVER, RECEIVER, ITEM], "
        "filter: $t, first: 20) { totalCount } }",
        {"t": {"enteredAfter": number % 5, "externalRefs": None, "occurredFrom": _year(number)}},
    )


def _distinct_documents(number: int) -> bytes:
    """Valid documents of which none came before: nothing that is kept helps."""
    fields = " ".join(f"x{_words(number * 30 + at)}: id" for at in range(25))
    more = " ".join(f"{name} " * 12 for name in ("version", "title", "summary", "stage", "nature"))
    return asked(
        f"query N{number} {{ transfers(first: 1) {{ nodes {{ {fields} {more} }} }} }}"
        + " " * 100
        + f"# {_words(number)}"
    )


_SPARE: Final = tuple(f"$b{at}: Boolean!" for at in range(24))


def _distinct_plans(number: int) -> bytes:
    """One document whose variables choose another plan each time."""
    fields = " ".join(
        f"p{at}: transfers(first: 1) @include(if: $b{at}) {{ nodes {{ id giver {{ name }} "
        f"claims(first: 1) @include(if: $b{at + 12}) {{ nodes {{ id }} }} }} }}"
        for at in range(12)
    )
    given = {f"b{at}": bool(number * 2654435761 >> at & 1) for at in range(24)}
    return asked(f"query P({', '.join(_SPARE)}) {{ {fields} }}", given)


def _wrong_keys(number: int) -> bytes:
    """Keys that are well made, and that nobody was given."""
    key = new_key("live", hashlib.sha256(str(number).encode()).digest())
    return asked("{ viewer { role } }", None, f"Authorization: Bearer {key}")


def _mistyped_keys(number: int) -> bytes:
    return asked("{ viewer { role } }", None, f"Authorization: Bearer ck_live_{_words(number)}_AA")


def _persisted(number: int) -> bytes:
    """Documents that are registered by their hash, to fill what is kept of them."""
    query = f"{{ actors(first: 1) {{ totalCount }} }} # {_words(number)} {'x' * 14_000}"
    digest = hashlib.sha256(query.encode()).hexdigest()
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest}}
    return request(json.dumps({"query": query, "extensions": extensions}).encode())


def _operation(name: str) -> str:
    return (_OPERATIONS / f"{name}.graphql").read_text()


def _large_answers(number: int) -> bytes:
    return asked(_operation("article-page"), {"first": 100})


def _headers(number: int) -> bytes:
    return request(b'{"query": "{ __typename }"}', *(f"X-{at}: {'y' * 400}" for at in range(120)))


def _ranges(number: int) -> bytes:
    ranges = ",".join(f"{at}-{at}" for at in range(10_000))
    return request(
        b"", f"Range: bytes={ranges}", method="GET", path="/static/graphiql/vendor/graphiql.min.js"
    )


FLOODS: Final = {
    one.name: one
    for one in (
        Flood("alias-bomb", "1,000 aliases a document, no document twice", numbered(_aliases)),
        Flood("aliases-that-fit", "as many aliases as are let pass", numbered(_fits_aliases)),
        Flood("doubling-fragments", "fragments that double 48 times", numbered(_doubling)),
        Flood("overlapping-fields", "one field 190 times, compared", numbered(_overlapping)),
        Flood("deep-lists", "list literals 6,000 deep", numbered(_deep_list)),
        Flood("deep-json", "JSON 100,000 deep", numbered(_deep_json), rate=100),
        Flood("wide-json", "variables of 19,000 values", numbered(_wide_json), rate=100),
        Flood("odd-json", "bodies of 850 kB that are read twice", numbered(_twice), rate=50),
        Flood("big-bodies", "bodies of 990 kB", numbered(_big_body), rate=100),
        Flood("bodies-of-20-MB", "20 MB announced, 1 MB sent", numbered(_too_big_body), rate=50),
        Flood("costly-queries", "valid pages just within the cost limit", numbered(_costly)),
        Flood("costly-searches", "searches that match much, none twice", numbered(_costly_texts)),
        Flood("costly-findings", "findings over everything, counted", numbered(_counted)),
        Flood("costly-totals", "sums over everything", numbered(_totals)),
        Flood("distinct-documents", "valid, and none came before", numbered(_distinct_documents)),
        Flood("distinct-plans", "one document, a plan of its own each", numbered(_distinct_plans)),
        Flood("registered-documents", "14 kB each, kept by hash", numbered(_persisted)),
        Flood("wrong-keys", "well-made keys of nobody", numbered(_wrong_keys), rate=300),
        Flood("mistyped-keys", "keys whose checksum is wrong", numbered(_mistyped_keys), rate=300),
        Flood(
            "429-storm",
            "the smallest question, on and on",
            again(asked("{ __typename }")),
            rate=400,
        ),
        Flood("large-headers", "48 kB of headers", numbered(_headers), rate=100),
        Flood("many-ranges", "10,000 ranges on a static file", numbered(_ranges), rate=50),
        Flood(
            "half-open-sockets",
            "400 requests begun and never ended",
            connections=400,
            talk=hold_half_open,
        ),
        Flood("slow-bodies", "100 bodies, a byte a second", connections=100, talk=send_slowly),
        Flood(
            "slow-readers",
            "40 who ask for large answers and read none",
            numbered(_large_answers),
            rate=400,
            connections=40,
            talk=never_read,
        ),
    )
}  # fmt: skip


def main(name: str, port: int, seconds: float) -> None:
    """Flood a server and print what came of it."""
    os.nice(NICE)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    flood = FLOODS[name]
    address = ADDRESS.format([*FLOODS].index(name) + 1)
    attacker = Attacker(flood, port, time.monotonic() + seconds, flood.messages(), address)
    asyncio.run(attacker.run())
    print(json.dumps({"sent": attacker.sent, "came": attacker.came}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
