from __future__ import annotations

from django.apps import AppConfig


class BenchConfig(AppConfig):
    name = "bench"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """django-fsm-log writes a row for every transition of every model; it may do so only while it is measured."""
        from bench.fsm_log import stop_logging

        stop_logging()
