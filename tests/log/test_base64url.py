"""Base64url: one text for any bytes, and no other text is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.log.base64url import decode_base64url, encode_base64url
from app.log.errors import NotBase64url


@given(st.binary())
def test_bytes_come_back_from_their_text(data: bytes) -> None:
    text = encode_base64url(data)

    assert "=" not in text
    assert decode_base64url(text) == data


@given(st.text("AQgw_-+/= \n"))
def test_a_text_that_is_read_is_the_text_that_would_be_written(text: str) -> None:
    """Whatever is not the one encoding of some bytes is refused."""
    try:
        data = decode_base64url(text)
    except NotBase64url:
        return

    assert encode_base64url(data) == text


@pytest.mark.parametrize(
    "text", ["AA==", "AAA=", "AA\n", "\nAA", "A A", "AB", "A", "AAAAA", "+_8A", "/w", "ÄA"]
)
def test_padding_line_ends_and_stray_bits_are_refused(text: str) -> None:
    with pytest.raises(NotBase64url):
        decode_base64url(text)
