"""The console is the Django admin on a site of our own."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    default_site = "transfers.admin.site.ConsoleSite"
