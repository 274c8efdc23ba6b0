"""The files of a bundle that somebody handed us: a folder or a zip, read with care.

Nothing is unpacked, no link is followed, no name leads out, and no file is read
beyond what the layout allows for it.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol

from app.domain.errors import Unready
from app.log.errors import NotVerified

_ZIP_LINK: Final = stat.S_IFLNK
_CHUNK: Final = 1 << 20


class BundleFiles(Protocol):
    """A bundle's files, by their paths in it."""

    def paths(self) -> Iterator[str]:
        """Yield the path of every file; raises `NotVerified` for what is no plain file."""

    def opened(self, path: str) -> IO[bytes]:
        """Open a file; raises `NotVerified` where it is not there or no plain file."""


@contextmanager
def bundle_files(place: Path) -> Iterator[BundleFiles]:
    """Give the files of a bundle; raise `Unready` where there is none."""
    if place.is_dir():
        yield _Folder(place)
        return
    try:
        with zipfile.ZipFile(place) as packed:
            yield _Zip(packed)
    except FileNotFoundError:
        raise Unready(f"there is no bundle at {place}; name its folder or its zip") from None
    except zipfile.BadZipFile as error:
        raise Unready(f"{place} is neither a folder nor a zip that can be read: {error}") from error


def read(files: BundleFiles, path: str, limit: int) -> bytes:
    """Return a file of at most `limit` bytes; raise `NotVerified` for a longer one."""
    with files.opened(path) as file:
        data = _some(file, path, limit + 1)
    if len(data) > limit:
        raise NotVerified("FILE", f"{path} is longer than the {limit} bytes it may have", file=path)
    return data


def lines(files: BundleFiles, path: str, limit: int) -> Iterator[bytes]:
    """Yield the lines of a file without their ends, each of at most `limit` bytes."""
    with files.opened(path) as file:
        while line := _line(file, path, limit):
            yield line.removesuffix(b"\n")


def _line(file: IO[bytes], path: str, limit: int) -> bytes:
    with _readable(path):
        line = file.readline(limit + 2)
    if line and not line.endswith(b"\n"):
        raise NotVerified("FILE", f"{path} has a line that is too long or has no end", file=path)
    return line


def _some(file: IO[bytes], path: str, most: int) -> bytes:
    parts, left = [], most
    with _readable(path):
        while left > 0 and (part := file.read(min(left, _CHUNK))):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turn what a broken zip raises into a finding."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise NotVerified("FILE", f"{path} cannot be read: {error}", file=path) from error


def _no_plain_file(path: str) -> NotVerified:
    return NotVerified("FILE", f"{path} is no plain file; a bundle has no links", file=path)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterator[str]:
        ahead = [""]
        while ahead:
            folder = ahead.pop()
            with os.scandir(self._root / folder) as found:
                for one in found:
                    path = f"{folder}{one.name}"
                    if one.is_dir(follow_symlinks=False):
                        ahead.append(f"{path}/")
                    elif one.is_file(follow_symlinks=False):
                        yield path
                    else:
                        raise _no_plain_file(path)

    def opened(self, path: str) -> IO[bytes]:
        try:
            # A pipe in the place of a file must not make us wait.
            handle = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            raise NotVerified("FILE", f"{path} is missing", file=path) from None
        except OSError as error:
            raise NotVerified("FILE", f"{path} cannot be read: {error}", file=path) from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _no_plain_file(path)
        return os.fdopen(handle, "rb")


class _Zip:
    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._packed = packed

    def paths(self) -> Iterator[str]:
        seen = set[str]()
        for one in self._packed.infolist():
            if one.is_dir():
                continue
            if stat.S_IFMT(one.external_attr >> 16) == _ZIP_LINK or one.flag_bits & 1:
                raise _no_plain_file(one.filename)
            if one.filename in seen:
                raise NotVerified("FILE", f"{one.filename} is there twice", file=one.filename)
            seen.add(one.filename)
            yield one.filename

    def opened(self, path: str) -> IO[bytes]:
        try:
            with _readable(path):
                return self._packed.open(path)
        except KeyError:
            raise NotVerified("FILE", f"{path} is missing", file=path) from None
