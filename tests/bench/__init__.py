"""Benchmarks against the bars of the design: `python -m tests.bench`. How and what: docs/benchmarks.md."""
