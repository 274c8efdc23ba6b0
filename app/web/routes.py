"""Which act each route asks for; an application with a route that has no rule is not made.

Keys are shown at `/graphql` alone, where each field has a rule of its own
(`app.graphql.rules`). So a route that asks for more than reading is refused here until
something looks at the key that comes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.domain.permissions import ANYBODY, Act

ROUTES: Final[Mapping[str, Act]] = {
    "/graphql": Act.READ,
    "/checkpoint": Act.READ,
    "/tile/…": Act.READ,
    "/static": Act.READ,
    "/livez": Act.READ,
    "/readyz": Act.READ,
}
"""Every path that is served, or what those below it begin with."""

BEFORE_ROUTING: Final = frozenset({"/graphql", "/checkpoint", "/tile/…"})
"""What the application answers itself, before its router is asked."""


class RouteWithoutRule(AssertionError):
    """A route that nobody said who may ask for: the program must not serve."""


def require_routes(routes: Iterable[Any], rules: Mapping[str, Act] = ROUTES) -> None:
    """Raise `RouteWithoutRule` unless each route has its rule, and each rule its route."""
    served = {str(one.path) for one in routes} | BEFORE_ROUTING
    faults = {
        "without a rule": served - set(rules),
        "that are not there": set(rules) - served,
        "that ask for a key, which nothing looks at": {
            path for path, act in rules.items() if act not in ANYBODY
        },
    }
    told = "; ".join(f"routes {how}: {', '.join(sorted(at))}" for how, at in faults.items() if at)
    if told:
        raise RouteWithoutRule(f"app/web/routes.py: {told}")
