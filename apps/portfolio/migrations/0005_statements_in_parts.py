from django.db import migrations, models


def calculate_anew(registry, _schema):
    """What was calculated is kept in other columns now; nothing is lost that is not calculated again."""
    statements = registry.get_model("portfolio", "Statement").objects
    statements.update(content=None, made_from="", made_at=None, asked_at=None)


class Migration(migrations.Migration):
    dependencies = [
        ("portfolio", "0004_what_worths_lack"),
    ]

    operations = [
        migrations.AddField("statement", "days", models.TextField(default="")),
        migrations.AddField("statement", "flows", models.TextField(default="")),
        migrations.AddField("statement", "begun_at", models.DateTimeField(null=True)),
        migrations.AddField("statement", "begun_by", models.CharField(blank=True, max_length=64)),
        migrations.AddField("statement", "rests_until", models.DateTimeField(null=True)),
        migrations.AddField("statement", "failures", models.PositiveIntegerField(default=0)),
        migrations.AddField("statement", "error", models.CharField(blank=True, max_length=300)),
        migrations.RunPython(calculate_anew, migrations.RunPython.noop),
    ]
