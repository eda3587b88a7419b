"""The Celery application. Tasks carry ids and no decisions; every deadline is a row in PostgreSQL."""

import os

from celery import Celery
from celery.signals import heartbeat_sent
from django_structlog.celery.steps import DjangoStructLogInitStep

from config.heartbeat import beat_of_worker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("jiexu")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks(["notifications", "transfers"])
heartbeat_sent.connect(beat_of_worker)
