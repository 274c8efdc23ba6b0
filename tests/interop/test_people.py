"""A person who logs in with an issuer that others wrote: oidc-provider, which is certified."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from tests.interop.conftest import CLIENTS, INTEROP, Demo, free_port, lack, served

pytestmark = pytest.mark.interop

CLIENT = "corrigenda"
BASIC = base64.b64encode(f"{CLIENT}:of-a-test".encode()).decode()
CALLBACK = "http://127.0.0.1/callback"
RULES = [{"claim": "groups", "value": "corrections", "newsroom": "Demo newsroom", "role": "EDITOR"}]
ME = "{ viewer { name role mayCommit } }"
COMMIT = """mutation ($input: CommitInput!) { commit(input: $input) {
  changeset { editorName } userErrors { message } } }"""


class Stays(urllib.request.HTTPRedirectHandler):
    """Gives a redirect back, as the browser of the login has to see each."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Browser:
    """What a browser does in a login: it keeps cookies, and follows where it is led."""

    opener: urllib.request.OpenerDirector

    @classmethod
    def new(cls) -> Browser:
        # Cookies of a computer's own address are kept too.
        policy = DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainLiberal)
        jar = urllib.request.HTTPCookieProcessor(CookieJar(policy))
        return cls(urllib.request.build_opener(jar, Stays))

    def go(self, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Return where it ends, and the page there; it ends at the callback at the latest."""
        body = None if form is None else urlencode(form).encode()
        for _ in range(10):
            if url.startswith(CALLBACK):
                return url, ""
            try:
                with self.opener.open(urllib.request.Request(url, body), timeout=10) as answer:
                    return url, answer.read().decode()
            except urllib.error.HTTPError as redirect:
                with redirect:
                    url, body = urljoin(url, redirect.headers["location"]), None
        raise AssertionError("a login that does not end")


@dataclass(frozen=True)
class Provider:
    """An issuer that runs."""

    url: str

    def login(self, person: str) -> str:
        """Log a person in, in a browser; return the ID token (OpenID Connect Core, 3.1)."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        browser = Browser.new()
        asked = {
            "client_id": CLIENT,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid profile",
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        place, page = browser.go(f"{self.url}/auth?{urlencode(asked)}")
        for form in ({"prompt": "login", "login": person, "password": "x"}, {"prompt": "consent"}):
            (action,) = re.findall(r'<form[^>]* action="([^"]+)"', page)
            place, page = browser.go(urljoin(place, action), form)
        (code,) = parse_qs(urlsplit(place).query)["code"]
        given = {"code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
        return str(self.token(grant_type="authorization_code", **given)["id_token"])

    def token(self, **form: str) -> dict[str, Any]:
        """Return what the token endpoint gives."""
        request = urllib.request.Request(
            f"{self.url}/token", urlencode(form).encode(), {"Authorization": f"Basic {BASIC}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """An oidc-provider on a free port."""
    node = INTEROP / "bin" / "node"
    if not (node.exists() and (INTEROP / "node_modules" / "oidc-provider").exists()):
        lack("no oidc-provider")
    program = INTEROP / "provider.mjs"  # beside node_modules
    program.write_text((CLIENTS / "provider.mjs").read_text())
    command = [node, program, str(free_port())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Provider(process.stdout.readline().strip())
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def desk(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that takes its tokens."""
    settings = {
        "CORRIGENDA_OIDC_ISSUERS": provider.url,
        "CORRIGENDA_OIDC_AUDIENCE": CLIENT,
        "CORRIGENDA_OIDC_ROLES": json.dumps(RULES),
        "CORRIGENDA_OUTGOING_PLAIN_LOOPBACK": "true",
    }
    with served(tmp_path_factory.mktemp("desk"), **settings) as demo:
        yield demo


def ask(desk: Demo, token: str, query: str, variables: Any = None) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{desk.url}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def commit(desk: Demo, token: str) -> Any:
    item = {"addItem": {"name": "Saddles", "kind": "OTHER"}}
    reason = {"code": "INITIAL_ENTRY", "note": "They came with the horses."}
    return ask(desk, token, COMMIT, {"input": {"reason": reason, "operations": [item]}})


def test_a_person_logs_in_there_and_edits_here(provider: Provider, desk: Demo) -> None:
    token = provider.login("ann")

    viewer = ask(desk, token, ME)["data"]["viewer"]
    done = commit(desk, token)["data"]["commit"]

    assert viewer == {"name": "Ann Example", "role": "EDITOR", "mayCommit": True}
    assert done == {"changeset": {"editorName": "Ann Example"}, "userErrors": []}


def test_an_access_token_for_this_ledger_is_taken_as_well(provider: Provider, desk: Demo) -> None:
    """RFC 9068: at+jwt, for the resource that the client named."""
    given = provider.token(
        grant_type="client_credentials", scope="edit", resource=f"{desk.url}/graphql"
    )

    viewer = ask(desk, given["access_token"], ME)["data"]["viewer"]

    assert viewer["role"] == "EDITOR"


def test_a_token_that_was_changed_on_its_way_is_refused(provider: Provider, desk: Demo) -> None:
    head, _, signature = provider.login("ann").split(".")
    claims = {"iss": provider.url, "sub": "root", "aud": CLIENT, "groups": ["corrections"]}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(desk, f"{head}.{forged}.{signature}", ME)

    refused.value.close()
    assert refused.value.code == 401
    assert refused.value.headers["www-authenticate"] == 'Bearer error="invalid_token"'
