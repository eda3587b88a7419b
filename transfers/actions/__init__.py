"""The verbs: the only writers. `perform` is the one door for a change of a case."""

from transfers.actions import clarification, inbound, money, outbound, routes  # noqa: F401 - they register effects
from transfers.actions.door import Done, perform

__all__ = ["Done", "perform"]
