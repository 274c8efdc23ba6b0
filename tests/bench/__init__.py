"""What is measured, and how: `python -m tests.bench`, explained in docs/bench.md.

The peer that we are measured against lives here too, in `baseline`. Nothing here is a test:
a test says yes or no, and these are figures.
"""
