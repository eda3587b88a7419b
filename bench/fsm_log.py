"""django-fsm-log, switched on and off."""

from __future__ import annotations

from django_fsm.signals import post_transition, pre_transition
from django_fsm_log.backends import SimpleBackend


def start_logging() -> None:
    """From here on this process writes a StateLog for each transition."""
    pre_transition.connect(SimpleBackend.pre_transition_callback)
    post_transition.connect(SimpleBackend.post_transition_callback)


def stop_logging() -> None:
    """From here on this process writes none."""
    pre_transition.disconnect(SimpleBackend.pre_transition_callback)
    post_transition.disconnect(SimpleBackend.post_transition_callback)
