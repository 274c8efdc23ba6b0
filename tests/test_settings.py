"""Settings: one class, one table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.cli.ledgers import settings_from
from app.domain.errors import Unready
from app.settings import PREFIX, Settings, listed

TABLE = Path(__file__).parents[1] / "docs" / "settings.md"


def test_the_table_of_settings_says_what_the_class_says() -> None:
    """`docs/settings.md` names every variable, with its default and its meaning."""
    rows = re.findall(r"^\| `(.+?)` \| `(.*?)` \| (.+) \|$", TABLE.read_text(), re.MULTILINE)

    assert rows == [
        (f"{PREFIX}{name}".upper(), str(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]


def test_an_address_with_a_password_is_not_printed() -> None:
    assert "secret" not in repr(Settings(database_url="postgresql://ann:secret@db/ledger"))


ISSUER = "https://issuer.example"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oidc_issuers": ISSUER}, "would open this one"),
        ({"oidc_issuers": "http://issuer.example", "oidc_audience": "a"}, "only https"),
        ({"oidc_issuers": "https://10.0.0.1", "oidc_audience": "a"}, "no request may go"),
        ({"oidc_issuers": "https://127.1", "oidc_audience": "a"}, "no IP address"),
        ({"oidc_issuers": f"{ISSUER}:22", "oidc_audience": "a"}, "port 22"),
        ({"oidc_algorithms": "RS256,HS256"}, "is one or more of"),
        ({"oidc_algorithms": "none"}, "is one or more of"),
        ({"oidc_algorithms": ""}, "is one or more of"),
        ({"oidc_roles": "EDITOR"}, "is no JSON"),
        ({"outgoing_networks": "0.0.0.0/0"}, "can not be allowed"),
        ({"outgoing_networks": "169.254.0.0/16"}, "can not be allowed"),
        ({"outgoing_ports": "443,65536"}, "list of ports"),
    ],
)
def test_a_setting_that_lets_in_too_much_is_refused_by_its_name(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(Unready) as refused:
        settings_from(**given)

    assert said in refused.value.message
    assert PREFIX in refused.value.message


def test_an_internal_issuer_is_taken_where_its_network_is_named() -> None:
    settings = Settings(
        oidc_issuers="https://10.1.2.3:8443/realms/news, https://issuer.example",
        oidc_audience="corrigenda",
        outgoing_networks="10.1.0.0/16",
    )

    assert len(listed(settings.oidc_issuers)) == 2
    assert settings.expected_of_tokens().algorithms == {"RS256", "ES256", "EdDSA"}
