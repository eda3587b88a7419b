"""Undoing a match is proposed from more than one state: which one is kept, of what waits for review as well."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("transfers", "0003_money")]
    operations = [
        migrations.RunSQL(
            "UPDATE transfers_remittance SET held_state = 'MATCHED' WHERE state = 'UNMATCH_REVIEW'",
            migrations.RunSQL.noop,
        ),
    ]
