"""Signs of life, kept where every process can reach them."""

from django.db import models


class Heartbeat(models.Model):
    """When a kind of process last said that it works. One row a kind; any process of the kind keeps it fresh."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
