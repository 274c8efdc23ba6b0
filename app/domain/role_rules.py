"""Which role an issuer's words give a person: rules that an operator writes as JSON.

    [{"claim": "groups", "value": "corrections", "newsroom": "House desk", "role": "EDITOR"}]

The first rule that fits decides. A claim inside another is named by its path, as in
`["realm_access", "roles"]`; a rule with an `issuer` is for the tokens of that one alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.codes import Role
from app.domain.errors import InvalidValue
from app.domain.wording import shown

_NEEDED: Final = frozenset({"claim", "value", "newsroom", "role"})
_KNOWN: Final = _NEEDED | {"issuer"}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a newsroom, which is given by its id or name."""

    newsroom: str
    role: Role

    def gives(self, role: str) -> bool:
        """Whether it is a role that is given."""
        return self == Grant(self.newsroom, Role(role))


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Whoever has `value` in a claim has a role in a newsroom."""

    claim: tuple[str, ...]
    value: str
    grant: Grant
    issuer: str | None = None

    def fits(self, issuer: str, claims: Mapping[str, Any]) -> bool:
        """Whether the claims of an issuer's token have the value, alone or in a list."""
        if self.issuer not in (None, issuer):
            return False
        found: Any = claims
        for name in self.claim:
            found = found.get(name) if isinstance(found, Mapping) else None
        return self.value in found if isinstance(found, list) else found == self.value


def granted(rules: Sequence[RoleRule], issuer: str, claims: Mapping[str, Any]) -> Grant | None:
    """Return what the first rule that fits gives; None where none does."""
    return next((one.grant for one in rules if one.fits(issuer, claims)), None)


def read_rules(text: str) -> tuple[RoleRule, ...]:
    """Return the rules of a setting; none for an empty text.

    Raises InvalidValue, with what is wrong, for JSON that is no list of rules.
    """
    if not text.strip():
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidValue("is no JSON") from None
    if not isinstance(found, list):
        raise InvalidValue('is a list of rules: [{"claim", "value", "newsroom", "role"}]')
    return tuple(_rule(one) for one in found)


def _rule(given: Any) -> RoleRule:
    if not isinstance(given, dict) or not given.keys() >= _NEEDED or given.keys() - _KNOWN:
        raise InvalidValue(
            "has rules of claim, value, newsroom and role, and at most an issuer beside them; "
            f"not {shown(json.dumps(given))}"
        )
    path = given["claim"] if isinstance(given["claim"], list) else [given["claim"]]
    texts = [*path, *(given[name] for name in given if name != "claim")]
    if not path or not all(isinstance(one, str) and one for one in texts):
        raise InvalidValue("has texts in its rules, and a claim as a name or a list of names")
    if given["role"] not in Role.__members__:
        raise InvalidValue(f"has the roles {', '.join(Role)}; not {shown(given['role'])}")
    grant = Grant(given["newsroom"], Role[given["role"]])
    return RoleRule(tuple(path), given["value"], grant, given.get("issuer"))
