"""The production settings with the peers beside them. Only benchmarks use this."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _OURS
from config.settings import STORAGES as _STORAGES

INSTALLED_APPS = [*_OURS, "django_fsm_log", "rest_framework", "bench.apps.BenchConfig"]
# Names of static files with their digest need `collectstatic`; in production they come from memory.
STORAGES = {**_STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
