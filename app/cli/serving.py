"""Serving a ledger over HTTP; the demo."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from app.cli.ledgers import keeping_for, open_ledger, settings_from
from app.cli.options import DatabaseUrl
from app.cli.speaking import say
from app.domain.errors import Unready

if TYPE_CHECKING:
    import asyncio
    import socket

    import uvicorn

    from app.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Else CORRIGENDA_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Else CORRIGENDA_PORT.")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve the ledger over HTTP."""
    settings = settings_from(host=host, port=port, database_url=database_url)
    with _listen(settings.host, settings.port) as listening:
        keeping_for(settings)
        with open_ledger(settings):
            pass
        server = _server(settings)
        say(f"Serving {_address(listening)}/graphql")
        _run(server, listening)


def demo(
    port: Annotated[int | None, typer.Option(help="Else CORRIGENDA_PORT, or 8000.")] = None,
    data: Annotated[Path, typer.Option(help="Where the demo is kept.")] = Path("data/demo"),
    host: Annotated[str | None, typer.Option(help="Else CORRIGENDA_HOST.")] = None,
) -> None:
    """Make a ledger with the demo dossier where there is none yet, and serve it."""
    settings = settings_from(
        host=host,
        port=port,
        database_url=f"sqlite:///{data.absolute() / 'corrigenda.db'}",
        key_environment="demo",
        ledger_name="demo",
        signing_key=str(data.absolute() / "signing-key"),
    )
    with _listen(settings.host, settings.port) as listening:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = _prepare_demo(settings, data / "demo-keys.json")
        (vkey,) = keeping_for(settings).verifiers
        server = _server(settings)
        print(  # noqa: T201 - the command's answer
            _welcome(_address(listening), held, data / "demo-keys.json", vkey.text), flush=True
        )
        _run(server, listening)


def _prepare_demo(settings: Settings, keys_file: Path) -> dict[str, str]:
    from importlib.resources import files

    from app.commands.demo import prepare
    from app.commands.signing_keys import make_key
    from app.domain.errors import NotMigrated
    from app.store import migrations
    from app.store.database import open_engine, parse_url

    if not Path(settings.signing_key).exists():
        make_key(Path(settings.signing_key), settings.ledger_name)
    engine = open_engine(parse_url(settings.database_url), pool_size=1)
    dossier = files("app.demo").joinpath("dossier.jsonl").read_bytes
    try:
        try:
            migrations.require_migrated(engine)
        except NotMigrated:
            migrations.upgrade(settings.database_url)
        return dict(prepare(engine, keys_file, lambda: dossier().splitlines(keepends=True)))
    finally:
        engine.dispose()


def _welcome(address: str, held: dict[str, str], keys_file: Path, vkey: str) -> str:
    width = max(map(len, held))
    return "\n".join((
        "Corrigenda, with the demo dossier (docs/demo.md is its guide)",
        "",
        f"  GraphQL     {address}/graphql",
        f"  Checkpoint  {address}/checkpoint",
        f"  signed as   {vkey}",
        "",
        "Anyone may read. To write, send one of these keys: Authorization: Bearer KEY",
        "",
        *(f"  {role:<{width}}  {key}" for role, key in held.items()),
        "",
        "Each is named by its role in the house; `wire` is of a partner, whose proposal waits.",
        "",
        f"The keys are kept in {keys_file}. Stop with Ctrl-C.",
    ))  # fmt: skip


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is done, so that nobody waits in vain."""
    import errno
    import socket

    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except OSError:
            listening.close()
            raise
    except socket.gaierror:
        raise Unready(f"{host} is no address of this machine; choose one with --host") from None
    except OSError as fault:
        if fault.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is in use; choose another one with --port"
        elif fault.errno == errno.EACCES:
            message = f"port {port} may not be used by this user; choose another one with --port"
        elif fault.errno == errno.EADDRNOTAVAIL:
            message = f"{host} is no address of this machine; choose one with --host"
        else:
            message = f"port {port} on {host} cannot be used: {fault.strerror}"
        raise Unready(message) from None
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(settings: Settings) -> uvicorn.Server:
    """Return the server; raise `Unready` for settings with which there can be none."""
    import uvicorn

    from app import logger
    from app.main import create_app

    logger.set_up(settings.log_level, settings.log_format)
    config = uvicorn.Config(
        create_app(settings),
        # uvloop, wherever it is installed.
        loop="auto",
        http=_http(settings),
        timeout_keep_alive=settings.keep_alive,
        log_config=None,
        access_log=False,
        server_header=False,
        # The gate knows which proxies are trusted, and there are no WebSockets.
        proxy_headers=False,
        ws="none",
    )
    return uvicorn.Server(config)


def _run(server: uvicorn.Server, listening: socket.socket) -> None:
    # Whoever works in a thread beside the loop lets go of the interpreter more often.
    sys.setswitchinterval(_SWITCH_S)
    # What is made by now stays. Left to the collector, going through it stops every request for
    # a tenth of a second, and whoever sends many large documents brings that about.
    gc.collect()
    gc.freeze()
    server.run(sockets=[listening])
    if not server.started:
        raise Unready("the server could not start; the messages above say why")


def _http(settings: Settings) -> type[asyncio.Protocol] | Literal["auto"]:
    try:
        from app.web.connections import Bounds, guarded
    except ImportError:  # httptools is not there for Windows: connections are not bounded
        return "auto"
    from app.web.clients import Proxies
    from app.web.headers import SecurityHeaders

    fitting = min(settings.connections, _files() - _FILES_BESIDE)
    bounds = Bounds(settings.patience, settings.stranger_connections, max(fitting, 1))
    proxies = Proxies(settings.trusted_proxies)
    return guarded(bounds, proxies, SecurityHeaders(settings.public_url).all)


_SWITCH_S: Final = 0.001
_FILES: Final = 65_536
_FILES_BESIDE: Final = 100
"""Files that a server opens beside connections: databases, its own modules, logs."""


def _files() -> int:
    """Return how many files this process may open, after asking for as many as it can have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return max(soft, wanted)
