"""Tokens of people, against an issuer that runs: who is believed, and who is not."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc import jwk

from app.domain.addresses import Rules
from app.domain.errors import Unauthenticated
from app.domain.tokens import ALGORITHMS, TOKEN_LIMIT, Expected, Person
from app.outgoing.client import Outgoing
from app.outgoing.issuers import IssuerKeys, usable
from app.reads.tokens import Tokens
from tests.issuer import AUDIENCE, Issuer, fresh_key, issuer, signed

DEFAULT = frozenset({"RS256", "ES256", "EdDSA"})
DISCOVERY = "/.well-known/openid-configuration"


class Clock:
    """The time of the server, which a test moves."""

    moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


class Desk:
    """A ledger's reading of tokens, and its clock."""

    def __init__(self, *issuers: Issuer, seconds: float = 3600, **expected: Any) -> None:
        self.clock = Clock()
        outgoing = Outgoing(Rules(plain_loopback=True))
        keys = {
            one.url: IssuerKeys(one.url, outgoing, seconds=seconds, clock=self.clock)
            for one in issuers
        }
        wanted = {"audience": AUDIENCE, "algorithms": DEFAULT, **expected}
        self.tokens = Tokens(keys, Expected(**wanted), clock=self.clock)

    async def read(self, token: str) -> Person | str:
        """Return whom a token speaks of, or why it is refused."""
        try:
            return await self.tokens.person_of(token)
        except Unauthenticated as fault:
            return fault.message


NOT_VALID = "this token is not valid here"


@pytest.fixture(scope="module")
def shared() -> Iterator[Issuer]:
    """An issuer whose keys stay, for what leaves no trace."""
    with issuer() as one:
        yield one


@pytest.fixture(scope="module")
def desk(shared: Issuer) -> Desk:
    """A ledger that trusts it, and has its keys."""
    one = Desk(shared)
    assert isinstance(read(one, shared.token()), Person)
    return one


def read(desk: Desk, token: str) -> Person | str:
    return asyncio.run(desk.read(token))


@pytest.mark.parametrize("algorithm", sorted(DEFAULT))
def test_a_person_is_known_by_issuer_and_subject(algorithm: str) -> None:
    with issuer() as one:
        one.rotate(algorithm)
        found = read(Desk(one), one.token("ann", name="Ann Example", groups=["desk"]))

        assert isinstance(found, Person)
        assert (found.identity, found.name) == (f"{one.url}|ann", "Ann Example")
        assert found.claims["groups"] == ["desk"]
        assert one.asked == {DISCOVERY: 1, "/keys": 1}


@pytest.mark.parametrize(
    ("claims", "header", "name"),
    [
        ({}, {}, "ann"),
        ({"preferred_username": "ann.e"}, {"typ": None}, "ann.e"),
        ({"name": " ", "preferred_username": "ann.e"}, {"typ": "at+jwt"}, "ann.e"),
        ({"name": 7}, {"typ": "application/AT+JWT"}, "ann"),
        ({"aud": [AUDIENCE]}, {"x5t": "abc", "vendor": 1}, "ann"),
        ({"aud": [AUDIENCE, "mail"], "azp": AUDIENCE}, {}, "ann"),
        ({"nbf": time.time() + 20, "exp": time.time() + 86_400.5}, {}, "ann"),
    ],
)
def test_what_issuers_write_differently_is_taken(
    shared: Issuer, desk: Desk, claims: dict[str, Any], header: dict[str, Any], name: str
) -> None:
    found = read(desk, shared.token("ann", header=header, **claims))

    assert isinstance(found, Person)
    assert found.name == name


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": NOW - 60}, "has expired"),
        ({"exp": None}, "when it was issued"),
        ({"iat": None}, "when it was issued"),
        ({"iat": NOW + 86_400}, "not valid yet"),
        ({"nbf": NOW + 86_400}, "not valid yet"),
        ({"exp": "tomorrow"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"nbf": [NOW]}, "nbf is no time"),
        ({"aud": "mail"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": {AUDIENCE: 1}}, "another audience"),
        ({"aud": [AUDIENCE, "mail"]}, "no azp"),
        ({"aud": [AUDIENCE, "mail"], "azp": "mail"}, "client that is not known"),
        ({"azp": "mail"}, "client that is not known"),
        ({"azp": [AUDIENCE]}, "client that is not known"),
        ({"sub": None}, "names nobody"),
        ({"sub": ""}, "names nobody"),
        ({"sub": 7}, "names nobody"),
        ({"sub": "a" * 256}, "names nobody"),
        ({"sub": "ann\nadmin"}, "not printable"),
        ({"iss": "https://other.example"}, NOT_VALID),
        ({"iss": None}, NOT_VALID),
        ({"iss": ["a"]}, NOT_VALID),
    ],
)
def test_a_signed_token_that_is_not_for_here_and_now_is_refused(
    shared: Issuer, desk: Desk, claims: dict[str, Any], said: str
) -> None:
    subject = claims.pop("sub") if "sub" in claims else "ann"
    found = read(desk, shared.token(subject, **claims))
    claims["sub"] = subject

    assert isinstance(found, str)
    assert said in found


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    with issuer() as one:
        desk = Desk(one, leeway=30)
        token = one.token(exp=int(time.time()) + 10)

        async def run() -> list[bool]:
            found = []
            for moved in (-29, 29 + 10, 2):
                desk.clock.moved += moved
                found.append(isinstance(await desk.read(token), Person))
            return found

        # 29 seconds early; 10 after it expired, and then more than 30.
        assert asyncio.run(run()) == [True, True, True]
        desk.clock.moved += 30
        assert read(desk, token) == "this token has expired"


def test_a_token_of_another_client_is_taken_where_the_client_is_named(shared: Issuer) -> None:
    desk = Desk(shared, clients=frozenset({"page", "desk-app"}))

    assert isinstance(read(desk, shared.token(azp="page")), Person)
    assert isinstance(read(desk, shared.token(client_id="page")), Person)
    assert "client" in str(read(desk, shared.token(client_id="mail")))
    assert "client" in str(read(desk, shared.token()))


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(one: Issuer, **header: Any) -> str:
    """Return a token with a valid body under another header, and nobody's signature."""
    shown = {"alg": "ES256", "kid": "key-1", "typ": "JWT", **header}
    return f"{part(shown)}.{part(one.claims())}.{part(b'a' * 64)}"


ODD_KIDS = [
    "../../../../dev/null", "/etc/passwd", "' OR 1=1 --", "key-1\x00", "\ud800", "é", "",
    "a" * 201, "a" * 9000, 1, ["key-1"], {"a": 1}, True,
]  # fmt: skip


@pytest.mark.parametrize("kid", ODD_KIDS, ids=lambda kid: repr(kid)[:24])
def test_an_odd_kid_names_no_key(shared: Issuer, desk: Desk, kid: Any) -> None:
    assert read(desk, shared.token(header={"kid": kid})) == NOT_VALID


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ES384"},
        {"alg": "RSA1_5"},
        {"alg": None},
        {"alg": ["ES256"]},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"kid": "key-2"},
        {},
    ],
    ids=str,
)
def test_a_forged_header_is_refused_in_one_shape(
    shared: Issuer, desk: Desk, header: dict[str, Any]
) -> None:
    assert read(desk, forged(shared, **header)) == NOT_VALID


@pytest.mark.parametrize("signature", ["", "a", "a" * 64], ids=["none", "one byte", "64"])
@pytest.mark.parametrize("algorithm", ["none", "NONE", "nOnE", "", "ES256"])
def test_an_unsigned_token_is_refused(
    shared: Issuer, desk: Desk, algorithm: str, signature: str
) -> None:
    token = f"{part({'alg': algorithm, 'kid': 'key-1'})}.{part(shared.claims())}.{signature}"

    assert read(desk, token) == NOT_VALID


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_public_key_is_no_secret_to_sign_with(algorithm: str) -> None:
    """HS256 with the very key that the issuer publishes, in each form that it has."""
    with issuer() as one:
        kid = one.rotate(algorithm)
        public = jwk.import_key({**one.keys[-1]})
        header = {"alg": "HS256", "kid": kid, "typ": "JWT"}
        body = json.dumps(one.claims()).encode()
        text = f"{part(header)}.{part(body)}"
        pem = public.as_pem(private=False)

        for secret in (pem, json.dumps(one.keys[-1]).encode(), b"", kid.encode()):
            made = hmac.digest(secret, text.encode(), "sha256")
            assert read(Desk(one), f"{text}.{part(made)}") == NOT_VALID


def test_what_a_header_brings_along_is_not_trusted_and_not_fetched(
    shared: Issuer, desk: Desk
) -> None:
    """A key inside of the token, or an address of one, is the forger's own."""
    own = fresh_key("ES256")
    public = {**own.as_dict(private=False), "kid": "key-1", "alg": "ES256", "use": "sig"}
    body = json.dumps(shared.claims()).encode()

    with issuer() as trap:
        trap.keys = [public]
        for more in (
            {"jwk": public},
            {"jku": f"{trap.url}/keys"},
            {"x5u": f"{trap.url}/keys"},
            {"x5c": ["MIIB"]},
            {"jku": f"{trap.url}/keys", "jwk": public, "iss": trap.url},
        ):
            header = {"alg": "ES256", "kid": "key-1", "typ": "JWT", **more}
            assert read(desk, signed(header, body, own, "ES256")) == NOT_VALID
        assert trap.asked == {}


def test_an_issuer_that_is_not_configured_is_never_asked() -> None:
    with issuer() as ours, issuer() as other:
        assert read(Desk(ours), other.token()) == NOT_VALID
        assert read(Desk(ours), other.token(iss=ours.url)) == NOT_VALID
        assert other.asked == {}


def test_one_issuer_does_not_speak_for_another() -> None:
    """Both are trusted, and a kid of the one is signed by the other."""
    with issuer() as one, issuer() as two:
        desk = Desk(one, two)

        assert isinstance(read(desk, two.token()), Person)
        assert read(desk, two.token(iss=one.url)) == NOT_VALID


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'"a"', b"{", b'{"iss": NaN}', b"\xff\xfe", b'{"a":' * 3000,
     b'{"iss": "%s", "iss": "%s"}', b'{"exp": ' + b"9" * 5000 + b"}", b'{"exp": 1e999}'],
    ids=lambda payload: repr(payload[:20]),
)  # fmt: skip
def test_a_payload_that_can_be_read_in_two_ways_is_refused(
    shared: Issuer, desk: Desk, payload: bytes
) -> None:
    ours = shared.url.encode()
    assert read(desk, shared.token(payload=payload.replace(b"%s", ours))) == NOT_VALID


def test_a_token_has_a_length() -> None:
    with issuer() as one:
        fits = one.token(groups=["a" * 9000])
        assert len(fits) < TOKEN_LIMIT
        assert isinstance(read(Desk(one), fits), Person)
        assert read(Desk(one), one.token(groups=["a" * TOKEN_LIMIT])) == NOT_VALID


PARTS = st.from_regex(r"[A-Za-z0-9_-]{1,60}(\.[A-Za-z0-9_-]{1,60}){2}", fullmatch=True)


@given(st.one_of(st.text(), PARTS))
@example("..")
@example("e30.e30.e30")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_sent_is_refused_and_breaks_nothing(
    shared: Issuer, desk: Desk, token: str
) -> None:
    assert read(desk, token) == NOT_VALID


def test_a_token_with_any_sign_changed_is_refused(shared: Issuer, desk: Desk) -> None:
    token = shared.token()
    # The last sign has bits that stand for nothing.
    places = [at for at, sign in enumerate(token[:-1]) if sign != "."]

    async def run() -> list[Person | str]:
        changed = ("B" if token[at] == "A" else "A" for at in places)
        parts = zip(places, changed, strict=True)
        return [await desk.read(f"{token[:at]}{sign}{token[at + 1 :]}") for at, sign in parts]

    assert set(asyncio.run(run())) == {NOT_VALID}


# --- keys that come and go ---------------------------------------------------------


def test_a_new_key_is_fetched_when_the_first_token_comes_that_it_signed() -> None:
    with issuer() as one:
        desk = Desk(one)

        async def run() -> None:
            old = one.token()
            assert isinstance(await desk.read(old), Person)
            one.rotate()
            assert await desk.read(one.token()) == NOT_VALID  # keys were fetched a moment ago
            desk.clock.moved += 31
            assert isinstance(await desk.read(one.token()), Person)
            assert await desk.read(old) == NOT_VALID  # its key was withdrawn
            assert one.asked["/keys"] == 2

        asyncio.run(run())


def test_tokens_that_somebody_made_up_do_not_make_us_ask_again_and_again() -> None:
    with issuer() as one:
        desk = Desk(one)
        one.delay = 0.05

        async def run() -> None:
            for _ in range(3):
                made_up = (forged(one, kid=f"kid-{n}") for n in range(20))
                assert {await x for x in [desk.read(t) for t in made_up]} == {NOT_VALID}
            desk.clock.moved += 31
            made_up = (forged(one, kid=f"kid-{n}") for n in range(20))
            assert set(await asyncio.gather(*map(desk.read, made_up))) == {NOT_VALID}
            assert one.asked["/keys"] == 2

        asyncio.run(run())


def test_many_first_tokens_ask_the_issuer_once() -> None:
    with issuer() as one:
        desk = Desk(one)
        one.delay = 0.05

        async def run() -> None:
            found = await asyncio.gather(*(desk.read(one.token(f"p{n}")) for n in range(20)))
            assert all(isinstance(person, Person) for person in found)
            assert one.asked == {DISCOVERY: 1, "/keys": 1}

        asyncio.run(run())


def test_who_goes_away_does_not_end_the_fetch_for_the_others() -> None:
    with issuer() as one:
        desk = Desk(one)
        one.delay = 0.1

        async def run() -> None:
            first = asyncio.create_task(desk.read(one.token()))
            await asyncio.sleep(0.02)
            second = asyncio.create_task(desk.read(one.token()))
            await asyncio.sleep(0.02)
            first.cancel()
            assert isinstance(await second, Person)

        asyncio.run(run())


def test_a_withdrawn_key_is_forgotten_when_the_time_of_keys_is_over() -> None:
    with issuer() as one:
        desk = Desk(one, seconds=60)

        async def run() -> None:
            old = one.token()
            assert isinstance(await desk.read(old), Person)
            one.rotate()
            desk.clock.moved += 61
            assert await desk.read(old) == NOT_VALID

        asyncio.run(run())


def test_while_the_issuer_is_down_its_last_keys_serve_for_a_day() -> None:
    with issuer() as one:
        desk = Desk(one, seconds=60)
        token = one.token(exp=NOW + 10**6)

        async def run() -> None:
            assert isinstance(await desk.read(token), Person)
            one.stop()
            for moved in (61, 31, 3600):
                desk.clock.moved += moved
                assert isinstance(await desk.read(token), Person)
            assert await desk.read(forged(one, kid="new")) == NOT_VALID
            desk.clock.moved += 86_400
            assert await desk.read(token) == NOT_VALID
            one.start()
            desk.clock.moved += 31
            assert isinstance(await desk.read(token), Person)

        asyncio.run(run())


def test_an_issuer_that_was_down_at_first_is_asked_again() -> None:
    with issuer() as one:
        desk = Desk(one)
        one.stop()

        async def run() -> None:
            assert await desk.read(one.token()) == NOT_VALID
            one.start()
            assert await desk.read(one.token()) == NOT_VALID  # not yet: it may be overloaded
            desk.clock.moved += 31
            assert isinstance(await desk.read(one.token()), Person)

        asyncio.run(run())


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (DISCOVERY, (404, {}, b"")),
        (DISCOVERY, (200, {}, b"<html>")),
        (DISCOVERY, (200, {}, b"[]")),
        (DISCOVERY, (200, JSON, b'{"issuer": "https://other.example", "jwks_uri": "http://x"}')),
        (DISCOVERY, (200, JSON, b'{"issuer": "%s"}')),
        (DISCOVERY, (200, JSON, b'{"issuer": "%s", "jwks_uri": "http://169.254.169.254/keys"}')),
        (DISCOVERY, (200, JSON, b'{"issuer": "%s", "jwks_uri": "file:///etc/passwd"}')),
        (DISCOVERY, (200, JSON, b'{"issuer": "%s", "jwks_uri": "http://10.0.0.1/keys"}')),
        (DISCOVERY, (302, {"Location": "/keys"}, b"")),
        ("/keys", (302, {"Location": "http://169.254.169.254/"}, b"")),
        ("/keys", (500, {}, b"")),
        ("/keys", (200, {}, b'{"keys": {}}')),
        ("/keys", (200, {}, b'{"keys": [1, null, {}, {"kty": "oct", "k": "YQ", "kid": "key-1"}]}')),
        ("/keys", (200, {}, b"[" * 60_000)),
        ("/keys", (200, {}, b" " * 70_000)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_issuer_that_answers_otherwise_than_it_should_gives_no_keys(
    path: str, reply: tuple[int, dict[str, str], bytes]
) -> None:
    with issuer() as one:
        status, headers, body = reply
        one.replies[path] = (status, headers, body.replace(b"%s", one.url.encode()))

        assert read(Desk(one), one.token()) == NOT_VALID


@pytest.mark.parametrize(
    ("members", "algorithm"),
    [
        ({"use": "enc"}, "ES256"),
        ({"key_ops": ["sign"]}, "ES256"),
        ({"key_ops": "verify"}, "ES256"),
        ({"alg": "RS256"}, "ES256"),
        ({"alg": "ES384"}, "ES256"),
        ({"alg": "ECDH-ES"}, "ES256"),
        ({"crv": "P-384"}, "ES256"),
        ({"x": "AAAA"}, "ES256"),
        ({"x": None}, "ES256"),
        ({"kty": "oct"}, "ES256"),
        ({"crv": "Ed448"}, "EdDSA"),
    ],
    ids=str,
)
def test_a_key_that_is_not_for_these_signatures_verifies_none(
    members: dict[str, Any], algorithm: str
) -> None:
    with issuer() as one:
        one.rotate(algorithm, **members)

        assert read(Desk(one), one.token()) == NOT_VALID


def test_a_short_rsa_key_is_not_taken() -> None:
    made = rsa.generate_private_key(65_537, 1024).public_key()  # noqa: S505 - the point
    short = made.public_numbers().n

    key = {"kty": "RSA", "e": "AQAB", "n": part(short.to_bytes(128, "big"))}

    assert usable([key]) == []


def test_a_private_key_that_an_issuer_publishes_is_not_kept() -> None:
    whole = {**fresh_key("ES256").as_dict(private=True), "kid": "a"}

    (one,) = usable([whole])

    assert not one.key.is_private


def test_a_key_without_an_alg_is_for_each_algorithm_of_its_family() -> None:
    with issuer() as one:
        one.rotate("RS256", alg=None, use=None)
        assert isinstance(read(Desk(one), one.token()), Person)

        own = one.token(header={"alg": "PS256"})
        assert read(Desk(one), own) == NOT_VALID  # not an algorithm that was chosen


def test_without_a_kid_the_only_key_that_fits_is_taken() -> None:
    with issuer() as one:
        first = one.rotate("ES256")
        one.rotate("RS256", keep=True)
        bare = one.token(kid=first, header={"kid": None})
        assert isinstance(read(Desk(one), bare), Person)

        one.rotate("ES256", keep=True)
        assert read(Desk(one), bare) == NOT_VALID


def test_what_an_operator_may_choose_has_a_public_key() -> None:
    assert all(not name.startswith("HS") and name != "none" for name in ALGORITHMS)
