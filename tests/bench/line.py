"""One kept-alive connection to a server: one request, then its answer.

For what is asked in an order, where each request needs the answer before; `load` is for
what is asked at once.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self

from tests.bench.load import PATIENCE_SECONDS, BadAnswer, request

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"


class Line:
    """A connection, from `with` to the end of the block."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, body: bytes) -> bytes:
        """Return the body of the answer; raises `BadAnswer` for another status than 200."""
        self._socket.sendall(request(body))
        received = b""
        while _HEAD_END not in received:
            received += self._receive()
        head, _, content = received.partition(_HEAD_END)
        length = _length(head.lower(), content)
        while len(content) < length:
            content += self._receive()
        return content

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 18)
        if not data:
            raise BadAnswer("the server closed a connection")
        return data


def _length(head: bytes, content: bytes) -> int:
    at = head.find(_LENGTH)
    if not head.startswith(b"http/1.1 200 ") or at < 0:
        raise BadAnswer(f"{head.decode(errors='replace')}\n{content[:500]!r}")
    return int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
