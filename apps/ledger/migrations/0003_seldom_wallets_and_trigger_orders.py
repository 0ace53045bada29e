from django.db import migrations, models

import apps.core.money_field


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_events")]

    operations = [
        migrations.AddField(model_name="walletreading", name="due_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="order", name="trigger_price", field=apps.core.money_field.MoneyField(null=True)
        ),
    ]
