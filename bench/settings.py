"""The production settings with the peers beside them. Only benchmarks use this."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "django_fsm_log", "rest_framework", "bench.apps.BenchConfig"]
