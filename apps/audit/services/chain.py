"""Committed entries, chained one after the other, and seals over the chain that nobody else can make."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from loguru import logger

from apps.audit.models import AuditEntry, AuditLink, AuditSeal
from apps.core.encryption import key_ring
from apps.core.upsert import upsert

START = "0" * 64
# Entries in one transaction.
CHUNK = 1_000
SEALED = ("number", "at", "count", "last_entry_id", "head", "key_id")
LOG_WORD = "audit.seal"


def seal(*, at: datetime) -> AuditSeal | None:
    """Chains what has been committed, and seals it: to the table and to the log. None where another was first."""
    while _chain_some():
        pass
    try:
        with transaction.atomic():
            made = _next_seal(at)
            made.save()
    except IntegrityError:  # two at once: of one number there is one seal
        return None
    logger.info("{} {}", LOG_WORD, json.dumps(as_told(made)))
    return made


@transaction.atomic
def _chain_some() -> int:
    """Gives the next places to entries that have none. Returns to how many.

    Lower ids may be committed after higher ones: each gets a place when it is seen, whatever its id is, and keeps it.
    """
    # Locked, so that of two sealers one waits; what it waited for is no longer without a place then.
    waiting = AuditLink.objects.filter(position=None).order_by("entry_id").select_for_update()[:CHUNK]
    ids = [link.entry_id for link in waiting]
    entries = AuditEntry.objects.in_bulk(ids)
    position, digest = end()
    rows = []
    for entry_id in ids:
        position, digest = position + 1, next_digest(digest, entries.get(entry_id))
        rows.append({"entry_id": entry_id, "position": position, "digest": digest})
    upsert(AuditLink, rows, key=["entry_id"])
    return len(ids)


def end() -> tuple[int, str]:
    """The last place that was given, and its digest."""
    last = AuditLink.objects.exclude(position=None).order_by("-position").values_list("position", "digest").first()
    return last or (0, START)


def next_digest(before: str, entry: AuditEntry | None) -> str:
    return hashlib.sha256(f"{before}\n{'' if entry is None else content(entry)}".encode()).hexdigest()


def content(entry: AuditEntry) -> str:
    """All that an entry says, spelt in one way. What is empty is left out, so that a column may be added later."""
    told = {field.attname: getattr(entry, field.attname) for field in AuditEntry._meta.concrete_fields}
    filled = {name: value for name, value in told.items() if value not in (None, "", {})}
    return json.dumps(filled, sort_keys=True, default=datetime.isoformat)


def as_told(made: AuditSeal) -> dict[str, Any]:
    """As it stands in the log."""
    told = {name: getattr(made, name) for name in (*SEALED, "mac")}
    return told | {"at": made.at.isoformat()}


def mac(told: Mapping[str, Any], key: bytes) -> str:
    return hmac.digest(key, json.dumps([told[name] for name in SEALED]).encode(), hashlib.sha256).hex()


def keys() -> dict[str, bytes]:
    """By id, the sealing key first; the others only verify."""
    return key_ring(settings.AUDIT_SEAL_KEYS, "AUDIT_SEAL_KEYS")


def _next_seal(at: datetime) -> AuditSeal:
    number = AuditSeal.objects.order_by("-number").values_list("number", flat=True).first() or 0
    last = AuditLink.objects.exclude(position=None).order_by("-position").first()
    key_id, key = next(iter(keys().items()))
    made = AuditSeal(
        number=number + 1,
        at=at,
        count=last.position if last else 0,
        last_entry_id=last.entry_id if last else None,
        head=last.digest if last else START,
        key_id=key_id,
    )
    made.mac = mac(as_told(made), key)
    return made
