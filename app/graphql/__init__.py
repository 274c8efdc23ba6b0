"""Third floor: the GraphQL contract, and how a document becomes a plan."""
