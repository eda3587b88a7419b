"""The database engine of the settings."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with a health check of a kept connection that costs no round trip.

    A server that went away has closed its end, and an idle connection on which there is something to be read is either
    closed or has a last word from the server: only then, and after an error, is the server asked.
    """

    def is_usable(self) -> bool:
        kept = self.connection
        if kept is None or kept.closed or self.errors_occurred or not _silent(kept.fileno()):
            usable: bool = super().is_usable()
            return usable
        return True


def _silent(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not poll.poll(0)
