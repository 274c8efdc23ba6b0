"""Who may ask how much: budgets, turns and places of the clients of one server process.

A client is an address, or the id of a key that was shown and is valid. Whether one has
anything left is a comparison of two numbers; no statement is run for it. What was
charged is told to the other processes about once a second, so that together they may
give away a little more than a budget: what each of them gives in that second.

In one turn of the event loop a client is given a few milliseconds, and what more it
asks waits for the next, so that the one that asks without end stands in its own way.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Protocol

import structlog

from app.domain.budgets import DEBT, Budget, Policy, price
from app.domain.errors import BudgetSpent
from app.store.aside import Meter
from app.web.statuses import Wrong

logger = structlog.get_logger(__name__)

CLIENTS_KEPT: Final = 20_000
"""Clients that a process remembers; beyond that, those that asked longest ago are forgotten."""

HOLDERS_KEPT: Final = 5_000
"""Keys whose ids are remembered."""

TURN_S: Final = 0.002
"""The processor's time that one client is given in one turn of the event loop."""

EXCHANGE_S: Final = 1.0
FORGET_S: Final = 60.0

TOLD_FROM: Final = 0.005
"""The part of a budget from which on a charge is told to the other processes."""

WAIT_S: Final = 15.0
"""How long a request waits for its turn, at most."""

BODIES_HELD: Final = 32_000_000
"""Bytes of large bodies that all requests together hold, at most."""

_OVERLOADED: Final = "the server has more to do than it can; ask again in a moment"


@dataclass(frozen=True, slots=True)
class Places:
    """How many requests are worked on at once: of an address, of a key, in all; and may wait."""

    address: int = 2
    key: int = 20
    all: int = 100
    waiting: int = 500


class Exchange(Protocol):
    """What tells the other processes (`app.store.budgets`)."""

    def exchange(
        self, charged: Mapping[str, float], now: float, *, most: float
    ) -> Mapping[str, float]:
        """Add what was charged here; return when each client's budget is whole again."""

    def forget(self, now: float) -> None:
        """Forget those whose budget is whole."""


@dataclass(slots=True, eq=False)
class Client:
    """One client, as this process knows it; without a budget nothing bounds what it takes."""

    name: str
    budget: Budget | None
    places: int
    running: int = 0
    turn: float = 0.0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Limiter:
    """The clients of one server process."""

    def __init__(
        self,
        strangers: Policy,
        holders: Policy,
        places: Places = Places(),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._strangers = strangers
        self._holders = holders
        self._places = places
        self.clock = clock
        self._clients: OrderedDict[str, Client] = OrderedDict()
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._charged: dict[str, Budget] = {}
        self._blocked: OrderedDict[Client, None] = OrderedDict()
        self._running = 0
        self._waiting = 0
        self._held = 0
        self._has_worked = False
        self._is_shared = True

    # --- who it is ------------------------------------------------------------

    def of_address(self, address: str) -> Client:
        """Return the client that an address is."""
        return self._client(f"address:{address}", self._strangers, self._places.address)

    def of_holder(self, holder: str) -> Client:
        """Return the client that the holder of a key is."""
        return self._client(f"key:{holder}", self._holders, self._places.key)

    def of_authorization(self, authorization: bytes) -> Client | None:
        """Return the client whose key was shown before, None for one that is not known yet."""
        holder = self._known.get(_credential(authorization))
        return None if holder is None else self.of_holder(holder)

    def remember(self, authorization: bytes, holder: str) -> None:
        """Keep in mind whose key this is; of the key itself only a digest is kept."""
        digest = _credential(authorization)
        if digest not in self._known and len(self._known) >= HOLDERS_KEPT:
            self._known.popitem(last=False)
        self._known[digest] = holder

    def unlearn(self, authorization: bytes) -> None:
        """Forget a key that is not valid any more."""
        self._known.pop(_credential(authorization), None)

    def _client(self, name: str, policy: Policy, places: int) -> Client:
        client = self._clients.get(name)
        if client is None:
            client = Client(name, None if policy.is_off else Budget(policy), places)
            self._clients[name] = client
            if len(self._clients) > CLIENTS_KEPT:
                self._drop_one()
        else:
            self._clients.move_to_end(name)
        return client

    def _drop_one(self) -> None:
        for name, client in self._clients.items():
            if not client.running and not client.waiting:
                del self._clients[name]
                return

    # --- turns and places -------------------------------------------------------

    def can_begin(self, client: Client) -> bool:
        """Whether a request of this client may begin at once; its place is taken then."""
        if (
            client.running >= client.places
            or client.turn >= TURN_S
            or client.waiting
            or self._running >= self._places.all
        ):
            return False
        client.running += 1
        self._running += 1
        return True

    async def wait(self, client: Client) -> None:
        """Wait for a turn and a place; raise `Wrong` where too many wait already."""
        if self._waiting >= self._places.waiting:
            raise Wrong("SERVER_BUSY", _OVERLOADED)
        if len(client.waiting) >= max(self._places.waiting // 4, 1):
            raise Wrong("RATE_LIMITED", "too many of your requests wait already; ask again later")
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(WAIT_S, _give_up, place)
        client.waiting.append(place)
        self._waiting += 1
        if client.turn == 0.0:
            self._look_later(client)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave(client)
            raise
        finally:
            timer.cancel()
            self._waiting -= 1

    def work(self, client: Client, seconds: float) -> None:
        """Note that the processor worked on a request of this client, in this turn of the loop."""
        if client.turn == 0.0:
            self._look_later(client)
        client.turn += seconds

    def leave(self, client: Client) -> None:
        """Give a place back."""
        client.running -= 1
        self._running -= 1
        if self._blocked:
            other, _ = self._blocked.popitem(last=False)
            self._look_later(other)
        elif client.waiting and client.turn == 0.0:
            self._look_later(client)

    def move(self, client: Client, other: Client) -> None:
        """Let a place that one client took be another's; who waits for it is looked at."""
        client.running -= 1
        other.running += 1
        if client.waiting and client.turn == 0.0:
            self._look_later(client)

    def _look_later(self, client: Client) -> None:
        asyncio.get_running_loop().call_soon(self._next_turn, client)

    def _next_turn(self, client: Client) -> None:
        client.turn = 0.0
        while client.waiting and client.running < client.places:
            if self._running >= self._places.all:
                self._blocked[client] = None
                return
            place = client.waiting.popleft()
            if not place.done():
                client.running += 1
                self._running += 1
                place.set_result(None)
                return

    def hold(self, size: int) -> None:
        """Note that a body takes room, or gives it back; raise `Wrong` where there is none."""
        if size > 0 and self._held + size > BODIES_HELD:
            raise Wrong("SERVER_BUSY", _OVERLOADED)
        self._held += size

    # --- budgets ----------------------------------------------------------------

    def charge(self, client: Client, units: float) -> None:
        """Charge a client, here; the other processes hear of it with the next exchange."""
        budget = client.budget
        if budget is not None:
            budget.charge(units, self.clock())
            self._charged[client.name] = budget
            self._has_worked = True

    async def run(self, others: Exchange) -> None:
        """Tell the other processes what was charged, again and again, until cancelled."""
        forgotten_at = self.clock()
        while True:
            await asyncio.sleep(EXCHANGE_S)
            if not self._has_worked:
                continue
            self._has_worked = False
            with suppress(Exception):
                await self.exchange(others)
            if self.clock() - forgotten_at > FORGET_S:
                forgotten_at = self.clock()
                with suppress(Exception):
                    await asyncio.to_thread(others.forget, self.clock())

    async def exchange(self, others: Exchange) -> None:
        """Tell the other processes what was charged here, and hear what they charged.

        Where that fails each process bounds by itself what it gives; that is logged.
        """
        charged = self._to_tell()
        try:
            all_together = await asyncio.to_thread(
                others.exchange,
                charged,
                self.clock(),
                most=DEBT * max(self._strangers.window, self._holders.window),
            )
        except Exception:
            if self._is_shared:
                logger.exception("budgets cannot be shared between processes")
            self._is_shared = False
            raise
        self._is_shared = True
        for name, seconds in charged.items():
            self._charged[name].untold -= seconds
        for name, full_at in all_together.items():
            self._take_over(name, full_at)

    def _to_tell(self) -> Mapping[str, float]:
        now = self.clock()
        charged: dict[str, float] = {}
        for name, budget in list(self._charged.items()):
            if budget.full_at <= now:
                budget.untold = 0.0
                del self._charged[name]
            elif budget.untold >= TOLD_FROM * budget.policy.window:
                charged[name] = budget.untold
        return charged

    def _take_over(self, name: str, full_at: float) -> None:
        kind, _, rest = name.partition(":")
        client = self.of_holder(rest) if kind == "key" else self.of_address(rest)
        if client.budget is not None:
            client.budget.merge(full_at)


def _credential(authorization: bytes) -> bytes:
    """Return the digest of what a header shows, however its scheme and spaces are written."""
    _, _, shown = authorization.decode("latin-1").partition(" ")
    return sha256(shown.strip().encode()).digest()


def _give_up(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(Wrong("SERVER_BUSY", _OVERLOADED))


# --- one request --------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """One request, as far as its client is charged for it."""

    limiter: Limiter
    client: Client
    authorization: bytes | None = None
    seconds: float = 0.0
    cost: int = 0
    size: int = 0
    is_new: bool = False
    is_refused: bool = False
    is_placed: bool = False
    held: int = 0
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.client, self.is_spent)

    def is_spent(self) -> bool:
        """Whether the client has nothing left."""
        budget = self.client.budget
        return budget is not None and budget.is_spent(self.limiter.clock())

    @property
    def wait_s(self) -> int:
        """Seconds until the client is answered again; 0 while something is left."""
        budget = self.client.budget
        if budget is None:
            return 0
        now = self.limiter.clock()
        return budget.wait(now) if budget.is_spent(now) else 0

    async def begin(self) -> None:
        """Wait until it is this client's turn; raise `Wrong` where too many wait."""
        if self.limiter.can_begin(self.client):
            self.is_placed = True
            return
        await self.limiter.wait(self.client)
        self.is_placed = True
        # What went on meanwhile may have taken all that there was.
        if self.is_spent():
            raise Wrong(BudgetSpent.code, BudgetSpent().message)

    def hold(self, size: int) -> None:
        """Note that this many bytes of a body were taken in; raise `Wrong` beyond the room."""
        self.limiter.hold(size)
        self.held += size

    def is_of(self, holder: str) -> None:
        """Charge the holder of a valid key, and not the address that it comes from.

        Raises `BudgetSpent` where nothing of that is left: the gate could not know whose it is.
        """
        client = self.limiter.of_holder(holder)
        if client is self.client:
            return
        if self.authorization is not None:
            self.limiter.remember(self.authorization, holder)
        # The place stays where it was taken; what is charged from now on is the key's.
        if self.is_placed:
            self.limiter.move(self.client, client)
        self.client = self.meter.client = client
        if self.is_spent():
            raise BudgetSpent

    def is_nobodys(self) -> None:
        """Note that the key that was shown is not valid."""
        if self.authorization is not None:
            self.limiter.unlearn(self.authorization)

    @property
    def due(self) -> float:
        """What the request is charged so far."""
        seconds = self.seconds + self.meter.seconds
        return price(
            self.cost, seconds, size=self.size, is_new=self.is_new, is_refused=self.is_refused
        )

    def end(self) -> None:
        """Charge for the request, and give its place back."""
        if self.held:
            self.limiter.hold(-self.held)
        if self.is_placed:
            self.limiter.leave(self.client)
        self.limiter.charge(self.client, self.due)


class Timed:
    """An awaitable that notes the processor's time which each of its steps takes."""

    __slots__ = ("_inner", "_visit")

    def __init__(self, inner: Awaitable[None], visit: Visit) -> None:
        self._inner = inner
        self._visit = visit

    def __await__(self) -> Generator[Any, Any, None]:
        """Run the steps of the inner awaitable."""
        visit = self._visit
        work, clock = visit.limiter.work, time.thread_time
        steps = self._inner.__await__()
        given: Any = None
        throw: BaseException | None = None
        while True:
            began = clock()
            try:
                asked = steps.send(given) if throw is None else steps.throw(throw)
            except StopIteration:
                return
            finally:
                took = clock() - began
                visit.seconds += took
                work(visit.client, took)
            throw = None
            try:
                given = yield asked
            except BaseException as fault:  # noqa: BLE001 - handed on to the inner awaitable
                throw, given = fault, None
