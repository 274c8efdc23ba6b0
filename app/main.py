"""The application: where the parts are chosen and put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from app.commands.idempotent import Sweeper
from app.commands.keeping import Keeper, keeping_of
from app.commands.submit import utc_now
from app.domain.errors import Unauthenticated, Unready, WrongRequest
from app.graphql.documents import Documents, require_valid
from app.graphql.editing import Editing
from app.graphql.engine import Answer, Engine, internal, refusal
from app.graphql.manifests import own_documents, read_manifest
from app.graphql.viewer import ANYBODY, Viewer
from app.reads.holders import holder_of
from app.reads.log import LogReading
from app.settings import Settings
from app.store.database import open_engine, parse_url
from app.store.log_engine import open_log_engine
from app.store.migrations import require_migrated
from app.store.reader import log_size, open_reader
from app.store.search_index import require_search
from app.web.graphql_http import GraphQLOverHTTP
from app.web.log_files import LogFiles, is_log_path
from app.web.requests import Request

_STATIC = Path(__file__).parent / "web" / "static"


class Application(FastAPI):
    """FastAPI, with GraphQL and the log's files outermost: before routing and middleware."""

    graphql: GraphQLOverHTTP
    log_files: LogFiles

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer `/graphql` and the log's files at once; route everything else."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self.graphql(scope, receive, send)
        elif scope["type"] == "http" and is_log_path(scope["path"]):
            await self.log_files(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> Application:
    """Return the application over the ledger that the settings name.

    Raises `Unready` for trusted documents that cannot be read or are not valid,
    and for a signing key that cannot be used. It connects when it starts: a
    database that is not migrated, or cannot be reached, raises `Unready` there.
    """
    url = parse_url(settings.database_url)
    keeping = keeping_of(settings.ledger_name, settings.signing_key, settings.signer_state)
    log_engine = open_log_engine(url, timeout=settings.read_timeout)
    keeper = Keeper(url, log_engine, keeping, signs=settings.sign == "auto")
    log = LogReading(log_engine, settings.ledger_name, keeping.verifiers)
    database = open_engine(url, pool_size=settings.write_pool_size, guard=keeper.require_writable)
    reader = open_reader(url, pool_size=settings.read_pool_size, timeout=settings.read_timeout)
    engine = Engine(
        reader,
        Editing(database, read_timeout=settings.read_timeout),
        settings.limits(),
        log=log,
        room=settings.answer_cache_bytes,
        introspection=settings.introspection,
        suggestions=settings.suggestions,
    )
    documents = _documents(settings, engine)
    sweeper = Sweeper(database, utc_now)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        require_migrated(database)
        await reader.start()
        try:
            await asyncio.to_thread(keeper.start)
            sweeper.start()
            yield
        finally:
            await asyncio.to_thread(sweeper.stop)
            await asyncio.to_thread(keeper.stop)
            await reader.stop()
            log.close()
            database.dispose()

    async def answers(
        request: Request,
        authorization: str | None,
        *,
        reads_only: bool,
        has: Callable[[str], bool] | None,
    ) -> Answer:
        try:
            viewer = await _viewer(authorization)
            source = documents.find(request.source, request.document_id, request.persisted)
        except WrongRequest as fault:
            return refusal(fault.message, fault.code)
        except Exception:  # noqa: BLE001 - the last line, as in the engine's own answers
            return refusal(*internal())
        answer = await engine.answer(
            source, request.variables, request.operation_name, viewer,
            queries_only=reads_only, has=has, idempotency_key=request.idempotency_key,
        )  # fmt: skip
        if request.source and request.persisted and not answer.is_request_error:
            documents.register(request.persisted, source)
        return answer

    async def _viewer(authorization: str | None) -> Viewer:
        if authorization is None:
            return ANYBODY
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated("send the key as 'Authorization: Bearer ck_…'")
        return Viewer(await holder_of(reader, key.strip()))

    app = Application(
        title="Corrigenda", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.graphql = GraphQLOverHTTP(
        answers, status_codes=settings.status_codes, has_page=not settings.trusted_only
    )
    app.log_files = LogFiles(log)
    app.mount("/static", StaticFiles(directory=_STATIC))
    _add_health(app, database, reader, log, keeper)
    return app


def _documents(settings: Settings, engine: Engine) -> Documents:
    places = [place.strip() for place in settings.trusted_documents.split(",") if place.strip()]
    given = [one for place in places for one in read_manifest(Path(place))]
    # Our own were validated when the release was made.
    require_valid(given, engine.fault_of)
    return Documents(
        [*own_documents(), *given],
        room=settings.persisted_query_bytes,
        only_trusted=settings.trusted_only,
    )


def _add_health(app: FastAPI, database: Any, reader: Any, log: LogReading, keeper: Keeper) -> None:
    @app.get("/livez")
    async def livez() -> dict[str, str]:
        """Tell that the process runs."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        """Tell whether the ledger can be read, how far it goes, what search lacks, if it is signed.

        A ledger that must not be written to is ready all the same: it can be read.
        """
        try:
            await asyncio.to_thread(require_migrated, database)
            position = await log_size(reader)
            lacking = await require_search(reader)
        except Unready as fault:
            return JSONResponse({"status": "unready", "reason": fault.message}, status_code=503)
        published = await log.run(log.newest)
        kept = keeper.shown(None if published is None else published.size)
        search = f"without {', '.join(lacking)}" if lacking else "complete"
        return JSONResponse({"status": "ok", "position": position, "search": search, "log": kept})
