"""Asking other servers, over real sockets of this computer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.domain.addresses import Rules, networks
from app.domain.errors import AddressRefused, OutgoingFailed
from app.outgoing.client import REPLY_LIMIT, Outgoing

HERE = Rules(plain_loopback=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """A server that keeps what it was asked, and answers with given bytes."""

    def __init__(self, answer: bytes, *, more: Callable[[Any], Awaitable[None]] | None) -> None:
        self.asked: list[bytes] = []
        self.port = 0
        self._answer = answer
        self._more = more

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self._answer)
            await writer.drain()
            if self._more is not None:
                await self._more(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def server(
    answer: bytes = OK,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    more: Callable[[Any], Awaitable[None]] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """Listen on a free port of this computer."""
    one = Server(answer, more=more)
    listening = await asyncio.start_server(one, host, port, ssl=tls)
    one.port = listening.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        listening.close()


class Resolver:
    """Answers in turn, the last answer for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.count = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.count += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_a_reply_comes_with_its_status_headers_and_body() -> None:
    async def run() -> None:
        async with server(b"HTTP/1.1 404 No\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno") as one:
            reply = await Outgoing(HERE).ask(f"http://localhost:{one.port}/a?b=c")

            assert (reply.status, reply.headers["x-a"], reply.body) == (404, "b", b"no")
            assert one.asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
            assert f"Host: localhost:{one.port}\r\n".encode() in one.asked[0]

    asyncio.run(run())


def test_a_host_is_looked_up_once_and_what_was_judged_is_connected_to() -> None:
    """A name whose second answer is another address leads nowhere new."""

    async def run() -> None:
        async with server() as judged, server(host="127.0.0.2", port=judged.port) as inside:
            resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
            reply = await Outgoing(HERE, resolve=resolver).ask(f"http://a.example:{judged.port}/")

            assert reply.body == b"hello"
            assert (resolver.count, len(judged.asked), len(inside.asked)) == (1, 1, 0)
            assert f"Host: a.example:{judged.port}".encode() in judged.asked[0]

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer", [["169.254.169.254"], ["127.0.0.1", "10.0.0.1"], ["::ffff:127.0.0.1"], []]
)
def test_nothing_connects_where_one_address_may_not_be_reached(answer: list[str]) -> None:
    async def run() -> None:
        async with server() as one:
            with pytest.raises(AddressRefused):
                await Outgoing(HERE, resolve=Resolver(answer)).ask(f"http://a.example:{one.port}/")

            assert one.asked == []

    asyncio.run(run())


def test_this_computer_is_not_asked_without_the_setting() -> None:
    async def run() -> None:
        async with server() as one:
            rules = Rules(ports=frozenset({one.port}))
            for url in (f"http://localhost:{one.port}/", f"https://localhost:{one.port}/"):
                with pytest.raises(AddressRefused):
                    await Outgoing(rules).ask(url)

            assert one.asked == []

    asyncio.run(run())


def test_the_next_address_is_tried_where_one_refuses_connections() -> None:
    async def run() -> None:
        async with server() as one:
            resolver = Resolver(["127.0.0.3", "127.0.0.1"])
            reply = await Outgoing(HERE, resolve=resolver).ask(f"http://a.example:{one.port}/")

            assert reply.status == 200

    asyncio.run(run())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    async def run() -> None:
        async with server() as inside:
            to = f"HTTP/1.1 {status} There\r\nLocation: http://127.0.0.1:{inside.port}/\r\n"
            async with server(to.encode() + b"Content-Length: 0\r\n\r\n") as one:
                reply = await Outgoing(HERE).ask(f"http://localhost:{one.port}/")

            assert reply.status == status
            assert inside.asked == []

    asyncio.run(run())


def _long(head: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + head


@pytest.mark.parametrize(
    "answer",
    [
        _long(b"Content-Length: 65537\r\n\r\n" + b"a" * 65_537),
        _long(b"Transfer-Encoding: chunked\r\n\r\n" + (b"8000\r\n%b\r\n" % (b"a" * 0x8000)) * 3),
        _long(b"\r\n" + b"a" * 70_000),
        _long(b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"),
        _long(b"X: " + b"a" * 300_000 + b"\r\n\r\n"),
        _long(b"Content-Length: 9\r\n\r\nshort"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=["long", "chunks", "no length", "compressed", "headers", "cut off", "SSH", "nothing"],
)
def test_an_answer_that_is_too_long_or_broken_is_given_up(answer: bytes) -> None:
    async def run() -> None:
        async with server(answer) as one:
            with pytest.raises(OutgoingFailed) as failed:
                await Outgoing(HERE).ask(f"http://localhost:{one.port}/")

        assert failed.value.message.startswith("localhost ")
        assert "OpenSSH" not in failed.value.message

    asyncio.run(run())


def test_the_longest_answer_is_taken() -> None:
    async def run() -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % REPLY_LIMIT
        async with server(answer + b"a" * REPLY_LIMIT) as one:
            reply = await Outgoing(HERE).ask(f"http://localhost:{one.port}/")

            assert len(reply.body) == REPLY_LIMIT

    asyncio.run(run())


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"])
def test_an_answer_that_drips_is_given_up_when_the_time_is_over(head: bytes) -> None:
    """Each byte comes in time; it is all of them together that do not."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        for sign in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2000:
            writer.write(bytes([sign]))
            await writer.drain()
            await asyncio.sleep(0.02)

    async def run() -> None:
        async with server(head, more=drip) as one:
            begun = monotonic()
            with pytest.raises(OutgoingFailed, match="longer than"):
                await Outgoing(HERE, seconds=0.3).ask(f"http://localhost:{one.port}/")

            assert monotonic() - begun < 2

    asyncio.run(run())


def test_a_resolver_that_hangs_is_given_up_when_the_time_is_over() -> None:
    async def hang(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(OutgoingFailed, match="longer than"):
        asyncio.run(Outgoing(HERE, resolve=hang, seconds=0.1).ask("http://a.example/"))


def test_a_host_that_is_not_there_cannot_be_asked() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError(host)

    async def run() -> None:
        async with server() as one:
            port = one.port
        with pytest.raises(OutgoingFailed, match="cannot be reached"):
            await Outgoing(HERE).ask(f"http://127.0.0.1:{port}/")
        with pytest.raises(OutgoingFailed, match="cannot be looked up"):
            await Outgoing(HERE, resolve=unknown).ask("http://a.example/")

    asyncio.run(run())


def test_proxies_cookies_and_names_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def run() -> None:
        cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        async with server(cookie) as one, server() as proxy:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            netrc = tmp_path / "netrc"
            netrc.write_text("machine localhost login ann password secret\n")
            monkeypatch.setenv("NETRC", str(netrc))
            outgoing = Outgoing(HERE)
            for _ in range(2):
                await outgoing.ask(
                    f"http://localhost:{one.port}/", headers={"Host": "other", "Cookie": "c=d"}
                )

            assert proxy.asked == []
            for asked in one.asked:
                assert b"cookie" not in asked.lower()
                assert b"authorization" not in asked.lower()
                assert b"other" not in asked

    asyncio.run(run())


def test_a_body_is_sent() -> None:
    async def run() -> None:
        async with server() as one:
            await Outgoing(HERE).ask(
                f"http://localhost:{one.port}/", method="POST", content=b"{}", headers={"X-A": "b"}
            )

            assert one.asked[0].startswith(b"POST / HTTP/1.1\r\n")
            assert b"Content-Length: 2\r\n" in one.asked[0]
            assert b"X-A: b\r\n" in one.asked[0]

    asyncio.run(run())


# --- TLS ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for issuer.example, and the certificate of who vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("issuer.example")]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


def test_tls_is_about_the_name_though_the_connection_goes_to_the_address(
    certified: tuple[ssl.SSLContext, Path],
) -> None:
    context, file = certified
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def run() -> None:
        async with server(tls=context) as one:
            rules = Rules(networks("127.0.0.0/8"), frozenset({one.port}))
            outgoing = Outgoing(
                rules,
                resolve=Resolver(["127.0.0.1"]),
                trust=lambda: ssl.create_default_context(cafile=file),
            )
            reply = await outgoing.ask(f"https://issuer.example:{one.port}/")

            assert reply.body == b"hello"
            assert names == ["issuer.example"]
            assert f"Host: issuer.example:{one.port}".encode() in one.asked[0]
            for url in (f"https://other.example:{one.port}/", f"https://127.0.0.1:{one.port}/"):
                with pytest.raises(OutgoingFailed):
                    await outgoing.ask(url)
            with pytest.raises(OutgoingFailed):
                await Outgoing(rules, resolve=Resolver(["127.0.0.1"])).ask(
                    f"https://issuer.example:{one.port}/"
                )
            assert len(one.asked) == 1

    asyncio.run(run())
