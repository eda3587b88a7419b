from django.apps import AppConfig


class HouseConfig(AppConfig):
    """The wiring as an app: it owns the heartbeats and the commands that concern the whole system."""

    name = "config"
    verbose_name = "Jiexu"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import config.celery  # noqa: F401  (shared tasks find the application)
