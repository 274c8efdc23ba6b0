"""The application: where the parts are chosen and put together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from app.commands.idempotent import Sweeper
from app.commands.keeping import Keeper, keeping_of
from app.commands.people import unknown_newsrooms
from app.commands.recording import Asked, Recorder
from app.commands.submission import utc_now
from app.domain.budgets import Policy
from app.domain.errors import BudgetSpent, Forbidden, Unauthenticated, Unready, WrongRequest
from app.domain.role_rules import read_rules
from app.domain.tokens import looks_like_token
from app.graphql.answering import Answer, internal, refusal
from app.graphql.documents import Documents, require_valid
from app.graphql.editing import Editing
from app.graphql.engine import Engine
from app.graphql.manifests import digest_of, own_documents, read_manifest
from app.graphql.viewer import ANYBODY, Viewer
from app.outgoing.client import Outgoing
from app.outgoing.issuers import IssuerKeys
from app.reads.holders import holder_of
from app.reads.log import LogReading
from app.reads.tokens import Tokens
from app.settings import Settings, listed
from app.store.access_log import AccessLog
from app.store.budgets import Budgets
from app.store.database import URL, open_engine, parse_url
from app.store.dossiers import reading
from app.store.log_engine import open_log_engine
from app.store.migrations import require_migrated
from app.store.reader import Reader, log_size, open_reader
from app.store.search_index import require_search
from app.web.clients import Proxies
from app.web.gate import Gate
from app.web.graphql_http import Answers, GraphQLOverHTTP
from app.web.headers import SecurityHeaders, Sites
from app.web.limiting import Limiter, Places, Visit
from app.web.log_files import LogFiles, is_log_path
from app.web.people import People
from app.web.problems import PROBLEMS
from app.web.requests import Request
from app.web.routes import require_routes

logger = structlog.get_logger(__name__)

_STATIC = Path(__file__).parent / "web" / "static"


class Application(FastAPI):
    """FastAPI, with GraphQL and the log's files before routing and middleware, behind the gate."""

    graphql: GraphQLOverHTTP
    log_files: LogFiles
    gate: Gate

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer what comes through the gate."""
        await self.gate(scope, receive, send)

    async def behind_the_gate(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer `/graphql` and the log's files at once; route everything else."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self.graphql(scope, receive, send)
        elif scope["type"] == "http" and is_log_path(scope["path"]):
            await self.log_files(scope, receive, send)
        else:
            await super().__call__(_whole(scope), receive, send)


def _whole(scope: Any) -> Any:
    """Return the scope without `Range`: what is routed is small, and given as a whole."""
    if scope["type"] != "http":
        return scope
    kept = [header for header in scope["headers"] if header[0] not in (b"range", b"if-range")]
    return {**scope, "headers": kept}


def create_app(settings: Settings, *, clock: Callable[[], float] = time.time) -> Application:
    """Return the application over the ledger that the settings name.

    Raises `Unready` for trusted documents that cannot be read or are not valid,
    and for a signing key that cannot be used. It connects when it starts: a
    database that is not migrated, or cannot be reached, raises `Unready` there.
    Budgets go by `clock`.
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
        Editing(
            database,
            read_timeout=settings.read_timeout,
            four_eyes=settings.four_eyes,
            environment=settings.key_environment,
        ),
        settings.limits(),
        log=log,
        room=settings.answer_cache_bytes,
        introspection=settings.introspection,
        suggestions=settings.suggestions,
    )
    documents = _documents(settings, engine)
    sweeper = Sweeper(database, utc_now)
    recorder = Recorder(AccessLog(url), days=settings.access_log_days, clock=utc_now)
    limiter = _limiter(settings, clock)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        require_migrated(database)
        await asyncio.to_thread(_warn_of_rules, settings, url)
        await reader.start()
        try:
            await asyncio.to_thread(keeper.start)
            sweeper.start()
            recorder.start()
            async with _shared(limiter, url):
                yield
        finally:
            await asyncio.to_thread(recorder.stop)
            await asyncio.to_thread(sweeper.stop)
            await asyncio.to_thread(keeper.stop)
            await reader.stop()
            await asyncio.to_thread(engine.stop)
            log.close()
            database.dispose()

    app = _routing(lifespan)
    app.graphql = GraphQLOverHTTP(
        _answering(engine, documents, reader, recorder, _people(settings, reader, database)),
        engine.aside,
        status_codes=settings.status_codes,
        has_page=not settings.trusted_only,
    )
    app.log_files = LogFiles(log)
    app.gate = _gate(settings, app, limiter)
    _add_health(app, database, reader, log, keeper)
    return _ruled(app)


def _routing(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> Application:
    app = Application(
        title="Corrigenda",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # It would send clients to whatever host they say that they asked.
        redirect_slashes=False,
        exception_handlers=dict(PROBLEMS),
    )
    app.mount("/static", StaticFiles(directory=_STATIC))
    return app


def _ruled(app: Application) -> Application:
    """Return the application; raise `RouteWithoutRule` where nobody said who may ask for one."""
    require_routes(app.routes)
    return app


def _limiter(settings: Settings, clock: Callable[[], float]) -> Limiter:
    places = Places(
        settings.stranger_requests,
        settings.key_requests,
        settings.requests,
        settings.waiting_requests,
    )
    return Limiter(
        Policy(settings.stranger_budget), Policy(settings.key_budget), places, clock=clock
    )


@asynccontextmanager
async def _shared(limiter: Limiter, url: URL) -> AsyncIterator[None]:
    """Share the budgets with the other processes that serve this ledger."""
    budgets = Budgets(url)
    sharing = asyncio.create_task(limiter.run(budgets))
    try:
        yield
    finally:
        sharing.cancel()
        await asyncio.wait([sharing])
        await asyncio.to_thread(budgets.close)


def _gate(settings: Settings, app: Application, limiter: Limiter) -> Gate:
    return Gate(
        app.behind_the_gate,
        limiter,
        proxies=Proxies(settings.trusted_proxies, settings.forwarded_header),
        security=SecurityHeaders(settings.public_url),
        sites=Sites(settings.cors_origins),
        hosts=settings.allowed_hosts,
    )


@contextmanager
def _charged(visit: Visit | None) -> Iterator[Callable[[str], None]]:
    """Charge the holder of a key that is valid, and nobody for one that is not."""
    try:
        yield (lambda _: None) if visit is None else visit.is_of
    except (Forbidden, Unauthenticated):
        if visit is not None:
            visit.is_nobodys()
        raise


def _people(settings: Settings, reader: Reader, database: Any) -> People | None:
    """Return who reads the tokens of people; None where no issuer is trusted."""
    issuers = listed(settings.oidc_issuers)
    if not issuers:
        return None
    outgoing = Outgoing(settings.outgoing_rules())
    keys = {one: IssuerKeys(one, outgoing, seconds=settings.oidc_keys_seconds) for one in issuers}
    tokens = Tokens(keys, settings.expected_of_tokens())
    return People(tokens, read_rules(settings.oidc_roles), reader, database)


def _warn_of_rules(settings: Settings, url: URL) -> None:
    """Tell of the newsrooms that rules name and that are not there, or not yet."""
    rules = read_rules(settings.oidc_roles) if listed(settings.oidc_issuers) else ()
    if rules:
        with reading(url) as connection:
            for newsroom in unknown_newsrooms(connection, rules):
                logger.warning(
                    "a rule of CORRIGENDA_OIDC_ROLES names no newsroom", newsroom=newsroom
                )


def _answering(
    engine: Engine,
    documents: Documents,
    reader: Reader,
    recorder: Recorder,
    people: People | None,
) -> Answers:
    """Return what answers requests, for whoever asks, and takes down who did."""

    async def answers(
        request: Request,
        authorization: str | None,
        *,
        visit: Visit | None,
        reads_only: bool,
        has: Callable[[str], bool] | None,
    ) -> Answer:
        began = time.monotonic()
        viewer, source = ANYBODY, None
        try:
            viewer = await _viewer(authorization, visit)
            source = documents.find(request.source, request.document_id, request.persisted)
        except WrongRequest as fault:
            answer = _refused(fault)
        except Exception:  # noqa: BLE001 - the last line, as in the engine's own answers
            answer = refusal(*internal())
        else:
            answer = await engine.answer(
                source, request.variables, request.operation_name, viewer,
                queries_only=reads_only, has=has, idempotency_key=request.idempotency_key,
            )  # fmt: skip
            if request.source and request.persisted and not answer.is_request_error:
                documents.register(request.persisted, source)
        _record(recorder, viewer, source, answer, time.monotonic() - began)
        return answer

    async def _viewer(authorization: str | None, visit: Visit | None) -> Viewer:
        if authorization is None:
            return ANYBODY
        with _charged(visit) as charge:
            scheme, _, key = authorization.partition(" ")
            if scheme.lower() != "bearer" or not key.strip():
                raise Unauthenticated("send the key as 'Authorization: Bearer ck_…'")
            credential = key.strip()
            if people is not None and looks_like_token(credential):
                editing = await people.editing_of(credential)
            else:
                editing = await holder_of(reader, credential)
            charge(editing.key or editing.editor)
            return Viewer(editing)

    return answers


def _refused(fault: WrongRequest) -> Answer:
    """Return the answer to a wrong request; of a spent budget the gate says when there is more."""
    if isinstance(fault, BudgetSpent):
        raise fault
    return refusal(fault.message, fault.code)


def _record(
    recorder: Recorder, viewer: Viewer, source: str | None, answer: Answer, seconds: float
) -> None:
    """Take down who asked what, where somebody did; of strangers nothing is kept."""
    editing = viewer.editing
    if editing is None:
        return
    recorder.note(
        Asked(
            editor=editing.editor,
            newsroom=editing.newsroom,
            key=editing.key or None,
            kind=answer.kind,
            operation=answer.operation,
            document=None if source is None else digest_of(source),
            cost=answer.requested,
            position=answer.position,
            code=answer.code or answer.fault,
            seconds=seconds,
        )
    )


def _documents(settings: Settings, engine: Engine) -> Documents:
    places = [place.strip() for place in settings.trusted_documents.split(",") if place.strip()]
    given = [one for place in places for one in read_manifest(Path(place))]
    # Our own were validated when the release was made.
    require_valid(given, engine.documents.fault_of)
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

    readiness = _Readiness(database, reader, log, keeper)
    app.add_api_route("/readyz", readiness.answer)


class _Readiness:
    """Whether the ledger can be read, how far it goes, what search lacks, if it is signed.

    A ledger that must not be written to is ready all the same: it can be read. Nobody is
    charged for asking, so it is looked at twice a second at most, however many ask.
    """

    def __init__(self, database: Any, reader: Any, log: LogReading, keeper: Keeper) -> None:
        self._database = database
        self._reader = reader
        self._log = log
        self._keeper = keeper
        self._looking: asyncio.Task[tuple[int, dict[str, Any]]] | None = None
        self._looked_at = 0.0

    async def answer(self) -> JSONResponse:
        """Tell it."""
        now = time.monotonic()
        if self._looking is None or (self._looking.done() and now - self._looked_at > _FRESH_S):
            self._looking, self._looked_at = asyncio.create_task(self._look()), now
        status, told = await asyncio.shield(self._looking)
        return JSONResponse(told, status_code=status)

    async def _look(self) -> tuple[int, dict[str, Any]]:
        try:
            await asyncio.to_thread(require_migrated, self._database)
            position = await log_size(self._reader)
            lacking = await require_search(self._reader)
        except Unready as fault:
            return 503, {"status": "unready", "reason": _reason(fault)}
        published = await self._log.run(self._log.newest)
        kept = self._keeper.shown(None if published is None else published.size)
        search = f"without {', '.join(lacking)}" if lacking else "complete"
        return 200, {"status": "ok", "position": position, "search": search, "log": kept}


_FRESH_S: Final = 0.5


def _reason(fault: Unready) -> str:
    """Return what anybody may hear: not a database's own words, which name hosts and files."""
    if fault.__cause__ is None:
        return fault.message
    logger.warning("unready", reason=fault.message)
    return "the database cannot be read at present; the logger has more"
