"""Driving a server over kept-alive connections, as fast as it answers.

The client writes request bytes that were made before and counts the bytes of the answers,
so that it takes as little as it can of the two cores that it shares with the server. What it
does take is measured with the rest.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final, cast

import uvloop

CONNECTIONS: Final = 16
PATIENCE_SECONDS: Final = 20.0
"""How long an answer may take before the run is given up."""

_LENGTH: Final = b"content-length:"
_HEAD_END: Final = b"\r\n\r\n"


class BadAnswer(Exception):
    """The server answered with another status than 200, or closed a connection."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of load showed. Seconds are wall time, `client_cpu` those of the client."""

    answers: int
    seconds: float
    latency_ms: float
    slow_ms: float
    bytes_received: int
    client_cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def request(body: bytes) -> bytes:
    """Return the bytes that ask a server for the answer to a GraphQL request."""
    head = (
        "POST /graphql HTTP/1.1\r\n"
        "host: 127.0.0.1\r\n"
        "accept: application/json\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(port: int, body: bytes) -> bytes:
    """Return the body of the answer to one request."""
    return uvloop.run(_ask(port, request(body)))


def drive(port: int, bodies: Sequence[bytes], seconds: float) -> Load:
    """Keep `CONNECTIONS` requests in flight for so many seconds, the bodies in turn."""
    return uvloop.run(_drive(port, [request(body) for body in bodies], seconds))


async def _ask(port: int, asked: bytes) -> bytes:
    run = _Run(cycle([asked]), answers_wanted=1, keep=True)
    await run.open(port, 1)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await run.finished
    return run.kept


async def _drive(port: int, requests: Sequence[bytes], seconds: float) -> Load:
    run = _Run(cycle(requests))
    started, cpu = time.perf_counter(), time.process_time()
    await run.open(port, CONNECTIONS)
    asyncio.get_running_loop().call_later(seconds, run.stop)
    async with asyncio.timeout(seconds + PATIENCE_SECONDS):
        await run.finished
    taken = time.perf_counter() - started
    latencies = sorted(run.latencies)
    return Load(
        answers=len(latencies),
        seconds=taken,
        latency_ms=1000 * statistics.median(latencies),
        slow_ms=1000 * latencies[int(0.99 * len(latencies))],
        bytes_received=run.received,
        client_cpu=time.process_time() - cpu,
    )


class _Run:
    """What the connections of one run share."""

    def __init__(
        self, requests: Iterator[bytes], *, answers_wanted: int | None = None, keep: bool = False
    ) -> None:
        self.requests = requests
        self.latencies: list[float] = []
        self.received = 0
        self.keep = keep
        self.kept = b""
        self.finished = asyncio.get_running_loop().create_future()
        self._wanted = answers_wanted
        self._open = 0
        self._stopped = False

    async def open(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            self._open += 1
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)

    def stop(self) -> None:
        """Ask for nothing more; the answers under way are still waited for."""
        self._stopped = True

    def answered(self, connection: _Connection, seconds: float, size: int) -> None:
        self.latencies.append(seconds)
        self.received += size
        if self._stopped or len(self.latencies) == self._wanted:
            self._open -= 1
            connection.close()
            if not self._open and not self.finished.done():
                self.finished.set_result(None)
        else:
            connection.send()

    def fail(self, message: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(BadAnswer(message))


class _Connection(asyncio.Protocol):
    """One kept-alive connection: a request, its answer, the next request."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._head = b""
        self._missing = 0
        self._size = 0
        self._sent = 0.0
        self._closing = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closing:
            self._run.fail(f"the server closed a connection: {exc}")

    def send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._run.requests))

    def close(self) -> None:
        self._closing = True
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            data = self._begin(data)
        if self._run.keep:
            self._run.kept += data
        self._missing -= len(data)
        if self._size and not self._missing:
            size, self._size = self._size, 0
            self._run.answered(self, time.perf_counter() - self._sent, size)

    def _begin(self, data: bytes) -> bytes:
        """Read the head of an answer once it is whole; return what came of the body."""
        self._head += data
        end = self._head.find(_HEAD_END)
        if end < 0:
            return b""
        head, body = self._head[:end].lower(), self._head[end + len(_HEAD_END) :]
        self._head = b""
        at = head.find(_LENGTH)
        if not head.startswith(b"http/1.1 200 ") or at < 0:
            self._run.fail(f"{head.decode(errors='replace')}\n{body[:500]!r}")
            self.close()
            return b""
        line = head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]
        self._missing = self._size = int(line)
        return body
