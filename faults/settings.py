"""The production settings for programs that shall fail: beat asks more often when FAULTS_EVERY says so."""

import os

from config.settings import *  # noqa: F403
from config.settings import CELERY_BEAT_SCHEDULE as _SCHEDULE
from config.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "faults.apps.FaultsConfig"]
if "FAULTS_EVERY" in os.environ:
    CELERY_BEAT_SCHEDULE = {
        name: {**entry, "schedule": float(os.environ["FAULTS_EVERY"])} for name, entry in _SCHEDULE.items()
    }
