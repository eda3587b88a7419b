"""Who signs in."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who signs in. What they may do in an agency is a membership in `transfers`, not a permission here."""

    display_name = models.CharField(_("Name"), max_length=50, blank=True)
    language = models.CharField(_("Language"), max_length=10, default="zh-hans")

    class Meta:
        verbose_name = _("User")
        verbose_name_plural = _("Users")

    def __str__(self) -> str:
        return self.display_name or self.username
