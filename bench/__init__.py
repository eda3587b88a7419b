"""Benchmarks: each measures the limit, the peers and ours side by side in one run (see docs/performance.md).

`./dev bench` runs them on a throw-away PostgreSQL. The package may import everything; nothing imports it.
"""
