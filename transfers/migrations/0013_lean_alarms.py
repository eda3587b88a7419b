"""An alarm is held by its clock, which is its case's; and indexes that another serves as well, or nobody asks by."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("transfers", "0012_holder_is_a_party"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(model_name="alarm", name="alarm_case"),
        migrations.AlterField(
            model_name="alarm",
            name="case",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="alarms",
                to="transfers.transfercase",
            ),
        ),
        migrations.AlterField(
            model_name="caseevent",
            name="actor",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveIndex(model_name="clock", name="clock_area"),
        migrations.RemoveIndex(model_name="clock", name="clock_calendar"),
        migrations.AddIndex(
            model_name="clock",
            index=models.Index(
                fields=["area", "calendar", "case"],
                name="clock_calendar",
                condition=models.Q(("status", "stopped"), _negated=True),
            ),
        ),
    ]
