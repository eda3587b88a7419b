"""The verbs: the only writers. `perform` is the one door for a change of a case."""

from transfers.actions import inbound, money, outbound  # noqa: F401 - they register their effects
from transfers.actions.door import Done, perform

__all__ = ["Done", "perform"]
