"""The demo dossier: one contested story, as newsrooms would have entered it.

What lives here is data, `dossier.jsonl`, one changeset a line; `docs/demo.md`
is its guide. Loading it is a command's work and goes through the one door for
writes, like every other dossier.
"""
