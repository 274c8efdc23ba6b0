"""Addresses of documents: kept as they are, or refused before anybody follows them."""

from __future__ import annotations

import pytest

from app.domain.errors import InvalidValue
from app.domain.urls import url


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org",
        "http://example.org/a?b=c#d",
        "HTTPS://Example.ORG:8443/A%20b",
        "https://xn--80ak6aa92e.com/",
        "https://пример.рф/новости",
        "https://bücher.example/",
        "https://192.0.2.7/a",
        "https://[2001:db8::1]/a",
        "http://localhost/",
        "https://under_score.example.org./",
        "https://web.archive.org/web/2024/https://example.org/a",
    ],
)
def test_an_address_of_the_web_is_kept_as_it_is(address: str | int | None) -> None:
    assert url(address) == address


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("example.org/a", "must be an absolute http"),
        ("/a", "must be an absolute http"),
        ("//example.org/a", "must be an absolute http"),
        ("ftp://example.org/", "must be an absolute http"),
        ("javascript:alert(1)", "must be an absolute http"),
        ("https://", "must be an absolute http"),
        ("https:///a", "must be an absolute http"),
        ("https://:80/", "must be an absolute http"),
        ("https://a:b@example.org/", "name or password"),
        ("https://a@example.org/", "name or password"),
        ("https://@example.org/", "name or password"),
        ("https://example.org/a b", "cannot stand in a URL"),
        ("https://example.org/\\a", "cannot stand in a URL"),
        ("https://example.org/<a>", "cannot stand in a URL"),
        (" https://example.org/", "cannot stand in a URL"),
        ("https://exa\tmple.org/", "U\\+0009 TAB"),
        ("https://example.org/\n", "U\\+000A LINE FEED"),
        ("https://example.org/\u202ea", "U\\+202E"),
        ("https://example.org/\ud800", "surrogate"),
        ("https://example.org:99999/", "cannot be followed"),
        ("https://example.org:port/", "cannot be followed"),
        ("https://[::1/", "cannot be followed"),
        ("https://[::1].example/", "cannot be followed"),
        ("https://[fe80::1%25eth0]/", "cannot be followed"),
        ("https://[::g]/", "cannot be followed"),
        ("https://127.1/", "no IP address"),
        ("https://2130706433/", "no IP address"),
        ("https://0x7f000001/", "no IP address"),
        (
            "https://\uff11\uff12\uff17.0.0.1/",
            "cannot be followed|cannot be looked up|no IP address",
        ),
        ("https://a..b/", "cannot be looked up"),
        ("https://-a.example/", "cannot be looked up"),
        ("https://" + "a" * 64 + ".example/", "cannot be looked up"),
        ("https://" + "a." * 130 + "example/", "cannot be looked up"),
        ("https://ex\uff41mple.org/", "cannot be looked up"),
        ("https://example.org/" + "a" * 2048, "at most 2048"),
        (None, "this is null"),
        (7, "this is 7"),
    ],
)
def test_what_is_no_address_of_the_web_is_refused(address: str | int | None, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as refused:
        url(address)

    assert refused.value.message.isprintable()
