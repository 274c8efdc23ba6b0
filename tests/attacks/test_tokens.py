"""Tokens of people: forged, borrowed, twisted and out of date."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc import jwk

from tests.attacks.attacking import Attack, Case, Send, Target, bearer, cases, query
from tests.attacks.conftest import attacked
from tests.databases import Databases
from tests.issuer import AUDIENCE, Issuer, fresh_key, issuer, signed

WHO = "{ viewer { authenticated role } }"
RULES = [{"claim": "groups", "value": "desk", "newsroom": "Demo newsroom", "role": "ADMIN"}]
REFUSED = "401 UNAUTHENTICATED"


@dataclass(kw_only=True)
class Vouched(Target):
    """A server that trusts an issuer; `trap` is another one, which it does not know."""

    issuer: Issuer
    trap: Issuer


Token = Callable[[Any], str]


def shown(token: Token) -> Send:
    """Return what shows a token that is made when the server is there."""
    return lambda target: query(WHO, headers=bearer(token(target)))


def saying(subject: str = "mallory", **claims: Any) -> Send:
    """Return what shows a token that the issuer signed, with some claims."""
    return shown(lambda target: target.issuer.token(subject, groups=["desk"], **claims))


def headed(**header: Any) -> Send:
    """Return what shows a token that the issuer signed, under another header."""
    return shown(lambda target: target.issuer.token(groups=["desk"], header=header))


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims(target: Vouched) -> Mapping[str, Any]:
    """Return what a token would say that made its bearer an ADMIN."""
    return target.issuer.claims("mallory", groups=["desk"])


def unsigned(algorithm: str, signature: str = "") -> Send:
    """Return what shows a token that nobody signed."""
    header = {"alg": algorithm, "typ": "JWT", "kid": "key-1"}
    return shown(lambda target: f"{part(header)}.{part(claims(target))}.{signature}")


def by_public_key(secret: Callable[[Mapping[str, Any]], bytes]) -> Send:
    """Return what shows a token whose HMAC has the key that the issuer publishes."""

    def token(target: Vouched) -> str:
        text = f"{part({'alg': 'HS256', 'kid': 'key-1'})}.{part(claims(target))}"
        made = hmac.digest(secret(target.issuer.keys[0]), text.encode(), "sha256")
        return f"{text}.{part(made)}"

    return shown(token)


def bringing(more: Callable[[Vouched, Mapping[str, Any]], Mapping[str, Any]]) -> Send:
    """Return what shows a token that is signed with a key which it brings along."""

    def token(target: Vouched) -> str:
        own = fresh_key("ES256")
        public = {**own.as_dict(private=False), "kid": "key-1", "alg": "ES256", "use": "sig"}
        target.trap.keys = [public]
        header = {"alg": "ES256", "kid": "key-1", **more(target, public)}
        return signed(header, json.dumps(claims(target)).encode(), own, "ES256")

    return shown(token)


def twice(target: Vouched) -> str:
    """Return a token that names one issuer for whoever reads on, and another one first."""
    body = json.dumps(claims(target))[:-1] + ', "sub": "root"}'
    return target.issuer.token(payload=body.encode())


def without_padding(key: Mapping[str, Any]) -> bytes:
    return json.dumps(key, separators=(",", ":")).encode()


LONG_AGO, SOON = 3_600, 600
ATTACKS = [
    Attack(
        "a token without a signature: alg none, in every spelling",
        REFUSED,
        [
            *(unsigned(name) for name in ("none", "None", "NONE", "nOnE", "")),
            unsigned("none", "AAAA"),
            unsigned("ES256", "AAAA"),
            unsigned("ES256", part(b"\0" * 64)),
        ],
    ),
    Attack(
        "HS256 with the issuer's public key as the secret",
        REFUSED,
        [
            by_public_key(lambda key: jwk.import_key({**key}).as_pem(private=False)),
            by_public_key(lambda key: json.dumps(key).encode()),
            by_public_key(without_padding),
            by_public_key(lambda _: b""),
        ],
    ),
    Attack(
        "an odd kid: a path, SQL, NUL, very long, no text",
        REFUSED,
        [
            headed(kid=kid)
            for kid in (
                "../../../../dev/null",
                "/etc/passwd",
                "' OR 1=1 --",
                "key-1\0",
                "http://169.254.169.254/",
                "",
                "a" * 5_000,
                0,
                ["key-1"],
                {"a": "b"},
            )
        ],
    ),
    Attack(
        "a key that the token brings along, or the address of one: jwk, jku, x5u, x5c",
        REFUSED,
        [
            bringing(lambda _, key: {"jwk": key}),
            bringing(lambda target, _: {"jku": f"{target.trap.url}/keys"}),
            bringing(lambda target, _: {"x5u": f"{target.trap.url}/keys"}),
            bringing(lambda _, __: {"x5c": ["MIIB"]}),
            bringing(lambda target, key: {"jwk": key, "jku": target.trap.url, "kid": "new"}),
        ],
    ),
    Attack(
        "a token of an issuer that is not trusted, or signed by it in another's name",
        REFUSED,
        [
            shown(lambda target: target.trap.token(groups=["desk"])),
            shown(lambda target: target.trap.token(groups=["desk"], iss=target.issuer.url)),
            saying(iss="http://169.254.169.254/"),
            saying(iss="file:///etc/passwd"),
            saying(iss=None),
        ],
    ),
    Attack(
        "expired beyond the leeway, not valid yet, or without an end",
        REFUSED,
        [
            shown(lambda target: target.issuer.token(exp=int(time.time()) - 60)),
            shown(lambda target: target.issuer.token(exp=int(time.time()) - LONG_AGO)),
            shown(lambda target: target.issuer.token(nbf=int(time.time()) + SOON)),
            shown(lambda target: target.issuer.token(iat=int(time.time()) + SOON)),
            saying(exp=None),
            saying(exp="9999999999"),
            saying(exp=True),
        ],
    ),
    Attack(
        "for another audience, for several, or given to another client",
        REFUSED,
        [
            saying(aud="mail"),
            saying(aud=None),
            saying(aud=[]),
            saying(aud=[AUDIENCE, "mail"]),
            saying(aud=[AUDIENCE, "mail"], azp="mail"),
            saying(azp="mail"),
            saying(aud=f"{AUDIENCE} "),
        ],
    ),
    Attack(
        "a token that was made for something else",
        REFUSED,
        [
            headed(typ="logout+jwt"),
            headed(typ="dpop+jwt"),
            headed(crit=["exp"]),
            headed(crit=["b64"], b64=False),
            shown(lambda target: target.issuer.token(groups=["desk"]) + ".AAAA.AAAA"),
        ],
    ),
    Attack(
        "a token that two readers read differently",
        REFUSED,
        [
            shown(twice),
            shown(lambda target: target.issuer.token(payload=b'{"exp": NaN}')),
            shown(lambda target: target.issuer.token(payload=b"[" * 3_000)),
            shown(lambda target: target.issuer.token(payload=b"\xff\xfe{}")),
        ],
    ),
    Attack(
        "a token of 17,000 characters",
        REFUSED,
        [saying(groups_more="a" * 13_000)],
    ),
    Attack(
        "a person to whom the issuer gives nothing",
        "403 FORBIDDEN",
        [
            shown(lambda target: target.issuer.token("mallory")),
            shown(lambda target: target.issuer.token("mallory", groups=["Desk"])),
            shown(lambda target: target.issuer.token("mallory", groups={"desk": True})),
            shown(lambda target: target.issuer.token("mallory", groups="desk ", role="ADMIN")),
        ],
        says="your account has no role here",
    ),
]


@pytest.fixture(scope="module")
def target(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vouched]:
    """The demo, which trusts an issuer."""
    with issuer() as one, issuer() as trap:
        given = {
            "CORRIGENDA_OIDC_ISSUERS": one.url,
            "CORRIGENDA_OIDC_AUDIENCE": AUDIENCE,
            "CORRIGENDA_OIDC_ROLES": json.dumps(RULES),
            "CORRIGENDA_OUTGOING_PLAIN_LOOPBACK": "true",
        }
        folder = tmp_path_factory.mktemp("vouched")
        with attacked(databases, folder, **given) as served:
            yield Vouched(**vars(served), issuer=one, trap=trap)


CASES, NAMES = cases(ATTACKS)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_token_is_answered_as_documented(target: Vouched, case: Case) -> None:
    target.withstands(*case)


def test_no_forger_made_us_ask_anybody(target: Vouched) -> None:
    """Nor the issuer more than once in a while, whatever kids were made up."""
    assert not target.trap.asked
    assert target.issuer.asked["/keys"] <= 2


def test_an_honest_token_is_taken_meanwhile(target: Vouched) -> None:
    token = target.issuer.token("ann", groups=["desk"])

    reply = target.send(query(WHO, headers=bearer(token)))

    assert reply.json["data"]["viewer"] == {"authenticated": True, "role": "ADMIN"}


def test_no_token_stands_in_the_server_s_log(target: Vouched) -> None:
    said = target.log.read_text()

    assert "eyJ" not in said
    assert "/graphql" in said
