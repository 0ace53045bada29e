"""What worth makes of what happens elsewhere."""

from collections.abc import Collection

from django.dispatch import receiver

from apps.exchanges.signals import rows_purged
from apps.portfolio.models import AccountWorth
from apps.portfolio.services import purged


@receiver(rows_purged, sender=AccountWorth)
def on_rows_purged(pks: Collection[int], **_: object) -> None:
    purged.take_out(pks)
