"""Faults: a table of what can break, each broken on purpose and counted afterwards (see docs/faults.md).

`./dev faults` runs it on servers of its own. The package may import everything, the tests' world too; nothing in the
product imports it.
"""
