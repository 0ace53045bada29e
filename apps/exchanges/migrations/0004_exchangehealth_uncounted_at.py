from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exchanges", "0003_history_from")]

    operations = [
        migrations.AddField(
            model_name="exchangehealth",
            name="uncounted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
