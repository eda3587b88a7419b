"""The verbs: the only writers. `perform` is the one door for a change of a case."""

# They register effects.
from transfers.actions import arriving, clarification, inbound, money, outbound, routes  # noqa: F401
from transfers.actions.door import Done, perform, perform_many

__all__ = ["Done", "perform", "perform_many"]
