"""Read, walk and revise with gql, checking each document against the schema.

Reads {"url", "key"} as JSON, prints what it got as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gql import Client, gql
from gql.client import SyncClientSession
from gql.transport.requests import RequestsHTTPTransport

FIND = """
query Find {
  transfers(first: 50) {
    edges { node { id version title quantity { amount unit } } }
  }
}
"""

WALK = """
query Walk($first: Int!, $after: String) {
  claims(first: $first, after: $after, orderBy: CREATED_ASC) {
    totalCount
    nodes { id }
    pageInfo { hasNextPage endCursor }
  }
}
"""

THEN = """
query Then($refs: [String!]!, $position: Position!) {
  archive(position: $position) {
    position
    transfers(filter: { externalRefs: $refs }) {
      nodes { id version quantity { amount } giver { id name } }
    }
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
        return {
            "walked": walk(session),
            "then": session.execute(gql(THEN), variable_values={"refs": ["E1"], "position": 5}),
            **revise(session),
        }


def walk(session: SyncClientSession) -> dict[str, Any]:
    """Visit every claim, a page at a time."""
    ids: list[str] = []
    after = None
    while True:
        variables = {"first": 30, "after": after}
        page = session.execute(gql(WALK), variable_values=variables)["claims"]
        ids += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return {"ids": ids, "total": page["totalCount"]}


def revise(session: SyncClientSession) -> dict[str, Any]:
    """Give the first transfer that has a number another one."""
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
