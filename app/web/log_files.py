"""The log as static files, for caches and for verifiers that others wrote (C2SP tlog-tiles).

    /checkpoint                        the newest signed note, byte for byte
    /tile/<level>/<number>[.p/<width>]     hashes of the tree
    /tile/entries/<number>[.p/<width>]     entries, each after its length

Tiles are served as far as the newest checkpoint reaches. What a checkpoint covers never
changes, so a full tile may be kept for ever; a partial one is asked for again, since a
wider one takes its place.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from app.log.errors import TileRefused
from app.log.tiles import TILE_WIDTH, parse_tile_path
from app.reads.log import LogReading
from app.web.conditional import names_any, names_tag
from app.web.problems import PROBLEM_TYPE, defect, problem

Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_TEXT: Final = b"text/plain; charset=utf-8"
_BYTES: Final = b"application/octet-stream"
_ASK_AGAIN: Final = b"no-cache"
_FOR_EVER: Final = b"public, max-age=31536000, immutable"
_ALLOWED: Final = b"GET, HEAD, OPTIONS"
_TAG_BYTES: Final = 16

_HEADER_LIMIT: Final = 2_000
"""Characters of a conditional or range header that are looked at; a longer one is ignored."""

_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})?-([0-9]{1,18})?")


def is_log_path(path: str) -> bool:
    """Whether a path belongs to the files of the log."""
    return path == "/checkpoint" or path.startswith("/tile/")


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media: bytes
    caching: bytes

    @property
    def tag(self) -> str:
        """A strong entity tag: other bytes, another tag."""
        digest = hashlib.sha256(self.body).digest()[:_TAG_BYTES]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class LogFiles:
    """The ASGI application of these files."""

    def __init__(self, log: LogReading) -> None:
        self._log = log

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """Answer one HTTP request."""
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, HTTPStatus.NO_CONTENT, [(b"allow", _ALLOWED)], b"")
        elif method not in ("GET", "HEAD"):
            await _send_problem(
                send, HTTPStatus.METHOD_NOT_ALLOWED, "the log's files can only be read",
                [(b"allow", _ALLOWED)],
            )  # fmt: skip
        else:
            await self._read(scope, send, is_head=method == "HEAD")

    async def _read(self, scope: Mapping[str, Any], send: Send, *, is_head: bool) -> None:
        try:
            found = await self._file(_path(scope))
        except Exception:  # noqa: BLE001 - the last line: told to the logger, not to the client
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            await _send_problem(send, status, defect(), is_head=is_head)
            return
        if isinstance(found, str):
            await _send_problem(send, HTTPStatus.NOT_FOUND, found, is_head=is_head)
        else:
            await _send_file(send, found, _headers(scope), is_head=is_head)

    async def _file(self, path: str) -> _File | str:
        """Return a file, or why there is none."""
        if path == "/checkpoint":
            published = await self._log.run(self._log.newest)
            if published is None:
                return "no checkpoint was published: this log is not signed, or nothing is in it"
            return _File(published.note.encode(), _TEXT, _ASK_AGAIN)
        try:
            tile = parse_tile_path(path.removeprefix("/"))
        except TileRefused as refused:
            return str(refused)
        body = await self._log.run(self._log.tile, tile)
        if body is None:
            return f"/{tile.path} goes beyond the newest checkpoint"
        return _File(body, _BYTES, _FOR_EVER if tile.width == TILE_WIDTH else _ASK_AGAIN)


# --- requests -----------------------------------------------------------------


def _path(scope: Mapping[str, Any]) -> str:
    """Return the path as it was sent: what is escaped in it is another path than ours."""
    raw: bytes | None = scope.get("raw_path")
    path: str = scope["path"] if raw is None else raw.partition(b"?")[0].decode("latin-1")
    return path


def _headers(scope: Mapping[str, Any]) -> Mapping[bytes, str]:
    """Return the headers by name; one that comes several times is one list (RFC 9110, 5.3)."""
    found: dict[bytes, str] = {}
    given: Iterable[Header] = scope["headers"]
    for name, value in given:
        text = value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return {name: value for name, value in found.items() if len(value) <= _HEADER_LIMIT}


def _is_known(headers: Mapping[bytes, str], tag: str) -> bool:
    given = headers.get(b"if-none-match")
    return given is not None and (names_any(given) or names_tag(given, tag))


def _part(headers: Mapping[bytes, str], file: _File) -> tuple[int, int] | None:
    """Return first and last byte of the one range that is asked for and can be given.

    Anything else, several ranges among it, is answered with the whole file, which RFC
    9110 (14.2) leaves to the server. `If-Range` must name this very file, strongly (13.1.5).
    """
    match = _RANGE.fullmatch(headers.get(b"range", "").strip())
    condition = headers.get(b"if-range")
    if match is None or (condition is not None and condition.strip() != f'"{file.tag}"'):
        return None
    size, (first, last) = len(file.body), match.groups()
    if first is None:
        start, end = (size - min(int(last), size), size - 1) if last else (size, 0)
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end) if start <= end < size else None


# --- responses ----------------------------------------------------------------


async def _send_file(
    send: Send, file: _File, headers: Mapping[bytes, str], *, is_head: bool
) -> None:
    about = [
        (b"etag", f'"{file.tag}"'.encode()),
        (b"cache-control", file.caching),
        # Verifiers run in browsers, too, and nothing here is secret.
        (b"access-control-allow-origin", b"*"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    ]
    if _is_known(headers, file.tag):
        await _send(send, HTTPStatus.NOT_MODIFIED, about, b"")
        return
    about += [(b"content-type", file.media), (b"accept-ranges", b"bytes"), _NO_SNIFF]
    part = None if is_head else _part(headers, file)
    if part is None:
        await _send(send, HTTPStatus.OK, about, file.body, is_head=is_head)
        return
    start, end = part
    about.append((b"content-range", f"bytes {start}-{end}/{len(file.body)}".encode()))
    await _send(send, HTTPStatus.PARTIAL_CONTENT, about, file.body[start : end + 1])


async def _send_problem(
    send: Send,
    status: HTTPStatus,
    detail: str,
    extra: Iterable[Header] = (),
    *,
    is_head: bool = False,
) -> None:
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"cache-control", b"no-store"),
        _NO_SNIFF,
        *extra,
    ]
    await _send(send, status, headers, problem(status, detail), is_head=is_head)


_NO_SNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
_WITHOUT_LENGTH: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


async def _send(
    send: Send, status: HTTPStatus, headers: list[Header], body: bytes, *, is_head: bool = False
) -> None:
    if status not in _WITHOUT_LENGTH:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})
