"""The files that a command reads and writes, and how far it has come with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO


@contextmanager
def open_lines(file: Path) -> Iterator[BinaryIO]:
    """Give the file to read, or standard input for `-`."""
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as opened:
        yield opened


def size_of(file: BinaryIO) -> int | None:
    """Return how many bytes there are to read, or nothing for a pipe."""
    return os.fstat(file.fileno()).st_size or None


def count_lines(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the lines of a file, none longer than a line may be by more than a byte."""
    from app.domain.dossiers import LINE_LIMIT

    while line := file.readline(LINE_LIMIT + 1):
        yield line
        advance(len(line))


@contextmanager
def written_to(file: Path | None) -> Iterator[TextIO]:
    """Give where to write; a file appears when it is complete."""
    if file is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as written:
            yield written
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Give a function that moves a progress bar on, where somebody is watching."""
    if not sys.stderr.isatty():
        yield _unwatched
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    columns = (f"{what}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda step: bar.advance(task, step)


def _unwatched(_step: int) -> None:
    """Move no bar on."""
