"""Suites of asv, for the history of this package: ``asv run`` in ``benchmarks/``."""
