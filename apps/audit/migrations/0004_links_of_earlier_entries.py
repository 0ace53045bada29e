from django.db import migrations


def link(apps, schema_editor):
    """What was written before there was a chain is sealed with the next seal, as it is then."""
    Entry, Link = apps.get_model("audit", "AuditEntry"), apps.get_model("audit", "AuditLink")
    rows = Entry.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=1000)
    Link.objects.bulk_create((Link(entry_id=pk) for pk in rows), batch_size=1000, ignore_conflicts=True)
    for entry in Entry.objects.exclude(actor=None).filter(actor_name="").select_related("actor").iterator():
        Entry.objects.filter(pk=entry.pk).update(actor_name=entry.actor.username)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_append_only_chained_and_sealed"),
        ("users", "0004_two_factor"),
    ]
    operations = [migrations.RunPython(link, migrations.RunPython.noop)]
