from typing import Any

from django.db import migrations, models
from django.utils import timezone


def all_are_due(apps: Any, schema_editor: Any) -> None:
    """Each is looked at once; those that have nothing to compute rest then."""
    apps.get_model("market", "FeatureSeries").objects.update(due_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("market", "0006_funding_rates"),
    ]

    operations = [
        migrations.AddField(
            model_name="featureseries",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="featureseries",
            index=models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="due_features"),
        ),
        migrations.RunPython(all_are_due, migrations.RunPython.noop),
    ]
