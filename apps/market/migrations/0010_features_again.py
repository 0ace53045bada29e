from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("market", "0009_newest_read_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="featureseries",
            name="again_from",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="featureseries",
            name="again_to",
            field=models.DateTimeField(null=True),
        ),
    ]
