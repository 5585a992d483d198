"""Measurements of the product against what else one could use. `python -m benchmarks`; see README.md."""
