"""Where an outgoing request may go: public hosts, by https, and what an operator names."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.addresses import Rules, is_public, judge, networks, target
from app.domain.errors import AddressRefused, InvalidValue

PUBLIC = Rules()
URL = "https://issuer.example/keys"


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://issuer.example", "issuer.example", "/"),
        ("https://Issuer.Example:443/a?b=c#d", "issuer.example", "/a?b=c"),
        ("https://issuer.example.:8443/a%20b", "issuer.example:8443", "/a%20b"),
        ("https://bücher.example/?q", "xn--bcher-kva.example", "/?q"),
        ("https://1.1.1.1/", "1.1.1.1", "/"),
        ("https://[2606:4700:0:0::1111]/", "[2606:4700:0:0::1111]", "/"),
    ],
)
def test_a_public_url_leads_to_one_host_as_it_is_looked_up(
    url: str, authority: str, path: str
) -> None:
    found = target(url, PUBLIC)

    assert (found.scheme, found.authority, found.path) == ("https", authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/",
        "ftp://issuer.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "https://issuer.example:22/",
        "https://issuer.example:0/",
        "https://issuer.example:5432/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1.:443/",
        "https://１２７.０.０.１/",  # noqa: RUF001 - full-width digits are the point
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://ⓛocalhost/",
        "https://issuer.example@127.0.0.1/",
        "https://127.0.0.1@issuer.example/",
        "https://issuer.example:443@127.0.0.1/",
        "https://issuer.example\\@127.0.0.1/",
        "https://issuer.example#@127.0.0.1:22/a b",
        "https://127.0.0.1%2f@issuer.example/",
        "https://[::1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::]/",
        "https://[::127.0.0.1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://[2606:4700::5efe:7f00:1]/",
        "https://[::1].example/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.100.100.200/",
        "https://168.63.129.16/",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://198.18.0.1/",
        "https://192.0.2.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://issuer.example/a b",
        "https://issuer.example/\r\nHost: other",
        "https://issuer.example/ü",
    ],
)
def test_what_leads_inside_or_elsewhere_than_it_reads_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue):
        target(url, PUBLIC)


INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.1", "10.1.2.3", "100.64.0.1", "100.127.255.255",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.251", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::8.8.8.8", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:808:808::1",
    "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fd00:ec2::254", "fe80::1", "febf::1",
    "fec0::1", "ff02::1", "4000::1", "2606:4700::200:5efe:10.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused_also_beside_a_public_address(address: str) -> None:
    asked = target(URL, PUBLIC)

    for found in ([address], ["1.1.1.1", address], [address, "1.1.1.1"]):
        with pytest.raises(AddressRefused) as refused:
            judge(asked, found, PUBLIC)
        assert address not in refused.value.message


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "99.255.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1",
     "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2001:200::1", "2400:cb00::1"],
)  # fmt: skip
def test_the_neighbours_of_what_is_refused_are_public(address: str) -> None:
    assert judge(target(URL, PUBLIC), [address, address], PUBLIC) == [address]


@pytest.mark.parametrize("found", [[], [""], ["issuer.example"], ["fe80::1%eth0"], ["127.1"]])
def test_what_a_resolver_should_not_answer_is_refused(found: list[str]) -> None:
    with pytest.raises(AddressRefused):
        judge(target(URL, PUBLIC), found, PUBLIC)


def test_an_operator_may_name_private_networks() -> None:
    """They open those networks alone, by https, on the ports that are allowed."""
    rules = Rules(allowed=networks("10.1.0.0/16, fd12:3456::/32"))

    assert judge(target(URL, rules), ["10.1.2.3", "fd12:3456::9"], rules)
    assert target("https://10.1.2.3:8443/", rules).port == 8443
    for url in (
        "https://10.2.0.1/",
        "http://10.1.2.3/",
        "https://10.1.2.3:6379/",
        "https://[::ffff:10.1.2.3]/",
    ):
        with pytest.raises(InvalidValue):
            target(url, rules)


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0/0", "::/0", "169.254.0.0/16", "169.254.169.254/32", "fe80::/64", "::ffff:0:0/96",
     "64:ff9b::/96", "224.0.0.0/8", "10.1.2.3/16", "localhost", "10.0.0.0/33"],
)  # fmt: skip
def test_a_setting_cannot_open_everything_or_what_leads_elsewhere(text: str) -> None:
    with pytest.raises(InvalidValue):
        networks(text)


@pytest.mark.parametrize(
    ("wide", "address"), [("100.64.0.0/10", "100.100.100.200"), ("fd00::/8", "fd00:ec2::254")]
)
def test_metadata_stays_closed_inside_of_an_open_network(wide: str, address: str) -> None:
    rules = Rules(allowed=networks(wide))

    with pytest.raises(AddressRefused):
        judge(target(URL, rules), [address], rules)


def test_plain_http_leads_to_this_computer_alone_and_only_by_setting() -> None:
    rules = Rules(plain_loopback=True)

    assert judge(target("http://localhost:5556/", rules), ["127.0.0.1", "::1"], rules)
    for address in ("10.0.0.1", "1.1.1.1", "169.254.169.254", "::ffff:127.0.0.1"):
        with pytest.raises(AddressRefused):
            judge(target("http://localhost:5556/", rules), [address], rules)
    with pytest.raises(AddressRefused):
        judge(target("https://issuer.example:22/", rules), ["1.1.1.1"], rules)


@given(st.ip_addresses())
@example(IPv4Address("127.0.0.1"))
@example(IPv6Address("::ffff:8.8.8.8"))
def test_our_list_is_never_wider_than_that_of_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@given(st.ip_addresses(v=4), st.sampled_from(["::{}", "::ffff:{}", "64:ff9b::{}"]))
def test_an_address_that_carries_another_is_never_public(inner: IPv4Address, form: str) -> None:
    assert not is_public(ip_address(form.format(inner)))


@given(st.ip_addresses(v=4), st.sampled_from([hex, oct, str]))
def test_an_address_written_as_a_number_is_never_looked_up(
    inner: IPv4Address, spelt: type[str]
) -> None:
    text = re.sub("^0o", "0", spelt(int(inner)))

    with pytest.raises(InvalidValue):
        target(f"https://{text}/", PUBLIC)


@given(st.text(max_size=40))
@example("issuer.example:443@127.0.0.1")
def test_a_url_is_read_or_refused_whatever_stands_behind_its_scheme(rest: str) -> None:
    try:
        found = target(f"https://{rest}", PUBLIC)
    except InvalidValue:
        return
    assert found.host.isascii()
    assert found.path.startswith("/")
    assert found.port in PUBLIC.ports
