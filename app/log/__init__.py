"""Ground floor: the tamper-evident log as mathematics on bytes.

Canonical JSON, disclosures, the Merkle tree with its proofs, and the bytes of
an entry: pure functions that give the same bytes on every machine. Storing
them, reading a clock, drawing salts and holding keys is the work of the floors
above; nothing here imports the rest of the application, so that a verifier can
run it without a database or a network.

`log` always means this log. What a program prints about itself is `logger`.
"""
