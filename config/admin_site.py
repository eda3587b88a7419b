"""The console is the Django admin on a site of our own."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    default_site = "transfers.admin.site.ConsoleSite"

    def ready(self) -> None:
        super().ready()
        # Not by autodiscovery: that imports `transfers.admin`, which is also where the site itself comes from.
        from transfers.admin.register import register_all

        register_all(admin.site)
