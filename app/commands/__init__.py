"""Second floor: every way to change something.

All of them end in `submit`, the one door for writes.
"""
