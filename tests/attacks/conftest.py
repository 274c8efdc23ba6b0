"""A ledger that is served as an operator serves one, for a whole run of attacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attacks.attacking import Target
from tests.commanding import corrigenda
from tests.databases import Databases
from tests.graphql.conftest import Ledgers
from tests.serving import eventually, serving


@contextmanager
def attacked(
    databases: Databases,
    folder: Path,
    kind: str = "sqlite",
    *,
    filled: bool = True,
    **variables: str,
) -> Iterator[Target]:
    """Serve the demo in a process of its own, signed, its schema not explained to strangers."""
    with Ledgers(databases).copied(kind, filled=filled) as (url, keys):
        made = corrigenda("signer", "keygen", "--output", folder / "signer")
        assert made.returncode == 0, made.stderr
        given = {
            "CORRIGENDA_SIGNING_KEY": str(folder / "signer"),
            "CORRIGENDA_INTROSPECTION": "false",
            **variables,
        }
        log = folder / "server.log"
        with serving(url, log=log, **given) as server:
            # Where nothing is in the log there is nothing to sign.
            eventually(lambda: not filled or server.get("/checkpoint")[0] == 200)
            yield Target(server.address, server.process.pid, url, keys, log)


@pytest.fixture(scope="session")
def target(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The demo on SQLite under attack; nothing that is sent changes it."""
    with attacked(databases, tmp_path_factory.mktemp("attacked")) as given:
        yield given
