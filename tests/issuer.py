"""An issuer of tokens (OpenID Connect), over HTTP on this computer.

    with issuer() as one:
        settings = one.settings(mapping)
        bearer = one.token("ann", groups=["desk"])

It serves discovery, its keys and a token endpoint. Keys are rotated, withdrawn and spoilt, and
it goes down and comes back at its address, as issuers do. `asked` counts what it was asked.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwk, jws

AUDIENCE = "corrigenda"

Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey


def fresh_key(algorithm: str = "ES256") -> Key:
    """Return a new key that signs with an algorithm."""
    match algorithm[:2]:
        case "RS" | "PS":
            return jwk.RSAKey.generate_key(2048)
        case "ES":
            curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
            return jwk.ECKey.generate_key(curve)
        case _:
            return jwk.OKPKey.generate_key("Ed25519")


class Issuer:
    """One issuer; `url` is its identifier, and where it answers."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys: list[dict[str, Any]] = []
        self.delay = 0.0
        self.replies: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self._private: dict[str, tuple[str, Key]] = {}
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()
        self.rotate()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # --- what becomes of issuers --------------------------------------------

    def start(self) -> None:
        """Answer, at the same address as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Go down: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def rotate(self, algorithm: str = "ES256", *, keep: bool = False, **members: Any) -> str:
        """Sign with a new key from now on, and return its kid; the old ones go unless kept."""
        kid = str(members.pop("kid", f"key-{len(self._private) + 1}"))
        made = fresh_key(algorithm)
        self._private[kid] = (algorithm, made)
        shown = {**made.as_dict(private=False), "kid": kid, "use": "sig", "alg": algorithm}
        shown |= members
        self.keys = [
            *(self.keys if keep else []),
            {k: v for k, v in shown.items() if v is not None},
        ]
        return kid

    # --- tokens --------------------------------------------------------------

    def claims(self, subject: str = "ann", **others: Any) -> dict[str, Any]:
        """Return the claims of a token that is valid now; None takes one away."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300}
        return {k: v for k, v in (usual | others).items() if v is not None}

    def token(
        self,
        subject: str = "ann",
        *,
        kid: str | None = None,
        header: Mapping[str, Any] | None = None,
        payload: bytes | None = None,
        **claims: Any,
    ) -> str:
        """Return a token that is signed with the newest key, or that of a kid."""
        used = kid or list(self._private)[-1]
        algorithm, key = self._private[used]
        shown = {"alg": algorithm, "kid": used, "typ": "JWT", **(header or {})}
        body = json.dumps(self.claims(subject, **claims)).encode() if payload is None else payload
        return signed({k: v for k, v in shown.items() if v is not None}, body, key, algorithm)

    # --- over HTTP -----------------------------------------------------------

    def settings(self, mapping: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Return the settings of a ledger that takes this issuer's tokens."""
        return {
            "oidc_issuers": self.url,
            "oidc_audience": AUDIENCE,
            "oidc_roles": json.dumps(list(mapping)) if mapping else "",
            "outgoing_plain_loopback": True,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.answer(self)

            def do_POST(self) -> None:
                issuer.answer(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        path = request.path.partition("?")[0]
        self.asked[path] += 1
        time.sleep(self.delay)
        length = int(request.headers.get("content-length", "0"))
        status, headers, body = self._reply(path, request.rfile.read(length).decode())
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _reply(self, path: str, form: str) -> tuple[int, dict[str, str], bytes]:
        if path in self.replies:
            return self.replies[path]
        if path == "/.well-known/openid-configuration":
            found: Any = {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "token_endpoint": f"{self.url}/token",
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        elif path == "/keys":
            found = {"keys": self.keys}
        elif path == "/token":
            found = self._granted(dict(parse_qsl(form)))
        else:
            return 404, {}, b""
        return 200, {"Content-Type": "application/json"}, json.dumps(found).encode()

    def _granted(self, form: Mapping[str, str]) -> dict[str, Any]:
        bearer = self.token(form["client_id"], groups=form.get("scope", "").split())
        return {"access_token": bearer, "token_type": "Bearer", "expires_in": 300}


def signed(header: Mapping[str, Any], payload: bytes, key: Any, algorithm: str) -> str:
    """Return a token with any header, also one that a library would not sign."""
    parts = [_part(json.dumps(dict(header)).encode()), _part(payload)]
    model = jws.JWSRegistry.algorithms[algorithm]
    return ".".join([*parts, _part(model.sign(".".join(parts).encode(), key))])


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Run an issuer on a free port."""
    one = Issuer()
    try:
        yield one
    finally:
        one.stop()
