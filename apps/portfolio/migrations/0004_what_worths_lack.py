from django.db import migrations, models

import apps.core.money_field


def doubt_what_was_withdrawn(registry, _schema):
    """They were taken out of the curve, since they held a part of what was there."""
    worths = registry.get_model("portfolio", "AccountWorth").objects
    worths.filter(equity=None, snapshot__equity=None).update(is_in_doubt=True)


class Migration(migrations.Migration):
    dependencies = [
        ("portfolio", "0003_statements"),
    ]

    operations = [
        migrations.AddField(
            model_name="accountworth",
            name="is_in_doubt",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="accountworth",
            name="lacks",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="assetworth",
            name="price",
            field=apps.core.money_field.MoneyField(null=True),
        ),
        migrations.RunPython(doubt_what_was_withdrawn, migrations.RunPython.noop),
    ]
