"""Third floor: what is spoken over HTTP beside GraphQL's own words."""
