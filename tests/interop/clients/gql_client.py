"""Read a transfer and revise its quantity with gql, checking each document against the schema.

Reads {"url", "key"} as JSON, prints what it got as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gql import Client, gql
from gql.transport.requests import RequestsHTTPTransport

FIND = """
query Find {
  transfers(first: 50) {
    edges { node { id version title quantity { amount unit } } }
  }
}
"""

REVISE = """
mutation Revise($input: CommitInput!) {
  commit(input: $input) {
    changeset { position }
    records { id version }
    userErrors { code message path }
  }
}
"""

HISTORY = """
query History($id: ID!) {
  transfer(id: $id) {
    version
    quantity { amount unit }
    history(last: 1) { edges { node { version } } }
  }
}
"""


def run(url: str, key: str) -> dict[str, Any]:
    transport = RequestsHTTPTransport(
        url=f"{url}/graphql", headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    with Client(transport=transport, fetch_schema_from_transport=True) as session:
        found = session.execute(gql(FIND))["transfers"]["edges"]
        transfers = [edge["node"] for edge in found]
        chosen = next(node for node in transfers if (node["quantity"] or {}).get("amount"))
        unit = chosen["quantity"]["unit"]
        edit = {
            "reason": {"code": "ENTRY_ERROR", "note": "The report gives another figure."},
            "operations": [
                {
                    "reviseTransfer": {
                        "id": chosen["id"],
                        "version": chosen["version"],
                        "set": {"quantity": {"amount": "26", "unit": unit}},
                    }
                }
            ],
        }
        revised = session.execute(gql(REVISE), variable_values={"input": edit})["commit"]
        after = session.execute(gql(HISTORY), variable_values={"id": chosen["id"]})["transfer"]
    return {"chosen": chosen, "revised": revised, "after": after}


if __name__ == "__main__":
    json.dump(run(**json.load(sys.stdin)), sys.stdout)
