"""The command line: what an operator does with a ledger.

Standard output carries what a command answers, standard error everything said
about it. A command that cannot be done says why in one message and ends with
status 1. What a command needs is imported when it runs, so that `--help` is
there at once.

A file holds the commands of one theme, `program` names them all, and what they
share is in `options`, `ledgers`, `files` and `speaking`.
"""

from app.cli.program import app, main

__all__ = ["app", "main"]
