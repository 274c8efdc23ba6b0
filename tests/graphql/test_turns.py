"""Turns and places: who asks much stands in his own way, and not in that of others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from app.domain.budgets import Policy
from app.graphql import engine as graphql_engine
from app.graphql.engine import SHORT, Engine
from app.graphql.viewer import ANYBODY
from app.store.aside import METER, Aside, Meter
from app.store.database import parse_url
from app.store.reader import open_reader
from app.web.limiting import TURN_S, Client, Limiter, Places, Timed, Visit
from app.web.statuses import Wrong
from tests.graphql.asking import Ledger

FREE = Policy(0)


def limiter(**places: int) -> Limiter:
    """Return a limiter without budgets."""
    return Limiter(FREE, FREE, Places(**{"address": 4, "key": 4, "all": 100, **places}))


def burn(seconds: float) -> None:
    """Keep the processor busy."""
    import time

    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def visited(limits: Limiter, client: Client, work: Callable[[], Awaitable[None]]) -> str:
    """Let a client have some work done; return how that went."""
    visit = Visit(limits, client)

    async def whole() -> None:
        await visit.begin()
        await work()

    try:
        await Timed(whole(), visit)
    except Wrong as wrong:
        return wrong.code
    finally:
        visit.end()
    return "done"


def test_who_asks_for_little_is_answered_between_the_requests_of_who_asks_for_much() -> None:
    """Thirty requests that all come at once are thirty turns of the event loop."""
    limits, order = limiter(), list[str]()

    async def work(name: str, seconds: float) -> None:
        burn(seconds)
        order.append(name)

    async def everything() -> None:
        many = [
            visited(limits, limits.of_address("many"), lambda: work("many", 2 * TURN_S))
            for _ in range(30)
        ]
        few = visited(limits, limits.of_address("few"), lambda: work("few", 0))
        await asyncio.gather(*many, few)

    asyncio.run(everything())

    assert len(order) == 31
    assert order.index("few") <= 2


def test_so_many_are_worked_on_at_once_and_no_more() -> None:
    limits, at_work, most = limiter(all=6), list[int](), list[int]()

    async def work() -> None:
        at_work.append(1)
        most.append(len(at_work))
        await asyncio.sleep(0.001)
        at_work.pop()

    async def of(name: str) -> list[str]:
        return await asyncio.gather(
            *(visited(limits, limits.of_address(name), work) for _ in range(10))
        )

    async def everything() -> list[list[str]]:
        alone = await of("a")
        assert max(most) == 4
        return [alone, *await asyncio.gather(of("a"), of("b"), of("c"))]

    outcomes = asyncio.run(everything())

    assert max(most) == 6
    assert {one for each in outcomes for one in each} == {"done"}


@pytest.mark.parametrize(
    ("clients", "codes"), [(1, {"done", "RATE_LIMITED"}), (20, {"done", "SERVER_BUSY"})]
)
def test_where_too_many_wait_the_next_is_refused(clients: int, codes: set[str]) -> None:
    limits = limiter(address=1, all=1, waiting=8)

    async def everything() -> list[str]:
        return await asyncio.gather(
            *(
                visited(limits, limits.of_address(str(one % clients)), lambda: asyncio.sleep(0.001))
                for one in range(40)
            )
        )

    assert set(asyncio.run(everything())) == codes


def test_who_goes_away_while_waiting_takes_no_place() -> None:
    limits = limiter(address=1)

    async def everything() -> str:
        client = limits.of_address("a")
        first = asyncio.create_task(visited(limits, client, lambda: asyncio.sleep(0.01)))
        await asyncio.sleep(0)
        gone = asyncio.create_task(visited(limits, client, lambda: asyncio.sleep(10)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(first, gone, return_exceptions=True)
        return await asyncio.wait_for(visited(limits, client, lambda: asyncio.sleep(0)), 1)

    assert asyncio.run(everything()) == "done"


def test_one_client_has_one_thread_and_the_next_one_waits_for_nobody() -> None:
    """Of ten long pieces of work of one client, another client's comes after two at the most."""
    order: list[str] = []

    async def ask(aside: Aside, client: str, seconds: float) -> None:
        METER.set(Meter(client))
        await aside.run(lambda: (burn(seconds), order.append(client)))

    async def everything() -> None:
        aside = Aside("test")
        many: list[Any] = [asyncio.create_task(ask(aside, "many", 0.005)) for _ in range(10)]
        await asyncio.sleep(0)
        few = asyncio.create_task(ask(aside, "few", 0.0))
        await asyncio.gather(*many, few)
        aside.stop()

    asyncio.run(everything())

    assert order.count("many") == 10
    assert order.index("few") <= 2


def test_what_is_done_aside_is_noted_and_what_fails_there_is_raised() -> None:
    def fail() -> None:
        burn(0.002)
        raise ValueError("so be it")

    async def everything() -> float:
        meter = Meter("a")
        METER.set(meter)
        aside = Aside("test")
        with pytest.raises(ValueError, match="so be it"):
            await aside.run(fail)
        await aside.run(lambda: burn(0.002))
        aside.stop()
        return meter.seconds

    assert asyncio.run(everything()) >= 0.004


@pytest.mark.parametrize("spelled", [b"bearer ck", b"BEARER   ck ", b"Bearer \xa0ck\x85"])
def test_a_key_is_known_however_its_header_is_spelled(spelled: bytes) -> None:
    """Else each spelling would begin in the places of its address, of which one has more."""
    limits = limiter()
    limits.remember(b"Bearer ck", "key_1")

    assert limits.of_authorization(spelled) is limits.of_holder("key_1")
    assert limits.of_authorization(b"Bearer ck2") is None
    limits.unlearn(spelled)
    assert limits.of_authorization(b"Bearer ck") is None


@pytest.mark.parametrize(
    ("document", "is_beside"),
    [
        ("{ actors { nodes { id name } } }", False),
        ("{ findings(filter: { statuses: [CONTESTED] }) { totalCount } }", True),
        ("{ transferTotals(groupBy: [GIVER]) { totalCount } }", True),
    ],
)
def test_a_short_document_that_takes_long_to_plan_is_planned_beside_the_loop(
    document: str,
    *,
    is_beside: bool,
    both_demos: Mapping[str, Ledger],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planning findings takes tens of milliseconds, in which the loop would answer nobody."""
    assert len(document) <= SHORT
    make_plan, where = graphql_engine.make_plan, list[threading.Thread]()

    def watched(*given: Any) -> Any:
        where.append(threading.current_thread())
        return make_plan(*given)

    monkeypatch.setattr(graphql_engine, "make_plan", watched)

    async def asked() -> bytes:
        reader = open_reader(parse_url(both_demos["sqlite"].url), pool_size=1)
        await reader.start()
        engine = Engine(reader, None)
        try:
            return (await engine.answer(document, None, None, ANYBODY)).body
        finally:
            engine.stop()
            await reader.stop()

    assert b'"data"' in asyncio.run(asked())
    assert [one is not threading.main_thread() for one in where] == [is_beside]
