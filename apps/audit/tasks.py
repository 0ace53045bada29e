"""What is done for the audit each minute."""

from celery import shared_task

from apps.audit.services import chain
from apps.core.clock import now


@shared_task(name="audit.seal")
def seal(**_: object) -> None:
    chain.seal(at=now())
