"""Papers that an applicant sends: kept outside the web root, served only through the access gate."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Attachment(models.Model):
    """One uploaded file of a case. `path` is relative to the upload directory; `sha256` in hex."""

    case = models.ForeignKey("transfers.TransferCase", models.PROTECT, related_name="attachments")
    kind = models.CharField(max_length=20)
    filename = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    path = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
