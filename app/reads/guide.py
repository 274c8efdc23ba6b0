"""The words of VERIFY.md: what a bundle is, and how to check it without us."""

from __future__ import annotations

from typing import Final

from app.log.bundle import Manifest

_GUIDE: Final = """\
# How to check this bundle

This is the log of the ledger `{origin}` up to position {size}, with its content, for the audience
{audience}. It says what was entered, by whom, when and why, and it can be checked without the
ledger, without a network, and without trusting whoever handed it to you.

    corrigenda verify BUNDLE --vkey VKEY --checkpoint OLDER

- `VKEY` is the key of the ledger as you know it from elsewhere: from its publisher's site, from
  print, from another newsroom. The key in `bundle.json` proves only that the bundle agrees with
  itself; compare the two.
- `OLDER` is a checkpoint that you, or somebody whom you trust, kept from an earlier day. Whoever
  holds the key could write another past and sign it; only a checkpoint that was kept outside finds
  that out. Give every one that you have.

## What is here

| file | what |
|---|---|
| `bundle.json` | origin, size, audience, keys |
| `checkpoint` | the newest signed checkpoint (C2SP tlog-checkpoint in a signed-note) |
| `checkpoints.jsonl` | every older one that was published |
| `tile/` | the Merkle tree (RFC 6962) and the entries as C2SP tlog-tiles |
| `content/` | what the digests stand for: disclosures (RFC 9901) and revision documents |
| `proofs/` | inclusion (C2SP tlog-proof) of first and last entry and redactions; consistency |
| `VERIFY.md` | this text, the only file that nothing vouches for |

## What is proved

Every entry is in the signed tree, in its place, with its time. Every value shown is the one that
was entered. No version of a record is missing. Whatever is absent was taken away by a redaction
that is itself in the log{withheld}.

## What is not proved

That what was entered is true; that nothing was kept back before it was entered; that the clock of
the ledger was right within the order of its entries; that there is not more after position {size}.

The ledger's docs/audit.md tells how to check each step with tools of others, and by hand.
"""


def guide(manifest: Manifest) -> str:
    """Return the text of VERIFY.md."""
    withheld = (
        "; restricted notes are withheld, and counted" if manifest.audience == "PUBLIC" else ""
    )
    return _GUIDE.format(
        origin=manifest.origin,
        size=manifest.size,
        audience=manifest.audience,
        withheld=withheld,
    )
