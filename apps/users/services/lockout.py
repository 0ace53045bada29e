"""Guessing is stopped: by name and address, by address, and, slowly, by name.

An attempt is counted before its password is looked at, so that many at once are not one; a good one is taken back.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from apps.audit.services import record
from apps.core.visitors import network_of
from apps.users.models import LoginFailures, User

LOCKED_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    most: int
    within: timedelta


PAIR = Rule(most=5, within=timedelta(minutes=15))
ADDRESS = Rule(most=50, within=timedelta(minutes=15))
# Above the others: whoever knows a name must not shut its owner out cheaply.
NAME = Rule(most=100, within=timedelta(hours=1))


class LockedOut(Exception):
    def __init__(self, until: datetime) -> None:
        super().__init__("Too many failed attempts.")
        self.until = until


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One that was begun; `fail`, `succeed` or `withdraw` ends it."""

    address: str | None
    pair: str  # the key of its row
    rules: Mapping[str, Rule]  # by the key of each row

    def fail(self, at: datetime) -> None:
        """Audited, and locked where it was one too many."""
        with transaction.atomic():
            for row in LoginFailures.objects.filter(key__in=self.rules).order_by("key"):
                if row.key == self.pair:
                    record("login.failed", row, at=at, address=self.address)
                is_too_many = row.attempts >= self.rules[row.key].most
                unlocked = LoginFailures.objects.filter(pk=row.pk, locked_until=None)
                if is_too_many and unlocked.update(locked_until=at + LOCKED_FOR):
                    until = (at + LOCKED_FOR).isoformat()
                    told = {"before": {"locked_until": None}, "after": {"locked_until": until}}
                    record("login.locked_out", row, at=at, attempts=row.attempts, address=self.address, **told)

    def succeed(self) -> None:
        """What was tried before from there, with that name, is forgotten."""
        with transaction.atomic():
            self.withdraw()
            # Not deleted: of rows that come and go, two at once would wait for each other.
            LoginFailures.objects.filter(key=self.pair).update(attempts=0, locked_until=None)

    def withdraw(self) -> None:
        """It was none, and proves nothing of those before it."""
        with transaction.atomic():
            # In the order of `begin`: one begun at the same time waits, and neither for the other.
            rows = LoginFailures.objects.filter(key__in=self.rules)
            held = list(rows.order_by("key").select_for_update().values_list("pk", flat=True))
            rows.filter(pk__in=held, attempts__gt=0).update(attempts=F("attempts") - 1)


def begin(username: str, address: str | None, *, now: datetime) -> Attempt:
    """Counts an attempt. Raises LockedOut, whether there is such a user or not."""
    shown, network = _shown(username), network_of(address)
    pair = _key("pair", username, network)
    counted = {
        pair: (PAIR, f"{shown} from {network}"),
        _key("address", network): (ADDRESS, f"anybody from {network}"),
        _key("name", username): (NAME, f"{shown} from anywhere"),
    }
    rules = {key: rule for key, (rule, _) in counted.items()}
    with transaction.atomic():
        # In one order for all: two at once must not wait for each other.
        rows = [_row(key, counted[key][1], rules[key], now) for key in sorted(counted)]
        locked = [row.locked_until for row in rows if row.locked_until]
        if locked:
            # Not counted: whoever goes on knocking at one door must not shut the others.
            raise LockedOut(max(locked))
        for row in rows:
            row.attempts += 1
            row.save()
    if any(row.attempts > rules[row.key].most for row in rows):
        raise LockedOut(now + LOCKED_FOR)
    return Attempt(address=address, pair=pair, rules=rules)


def forget(rows: "QuerySet[LoginFailures]", *, actor: Any, at: datetime) -> None:
    """By hand: they may try again at once."""
    with transaction.atomic():
        for row in rows:
            locked_until = row.locked_until.isoformat() if row.locked_until else None
            before = {"attempts": row.attempts, "locked_until": locked_until}
            record("login.lock_forgotten", row, at=at, actor=actor, before=before)
        rows.delete()


def prune(now: datetime) -> int:
    """What no rule looks at any more. Returns how many."""
    return LoginFailures.objects.filter(since__lt=now - timedelta(days=1)).delete()[0]


def _row(key: str, what: str, rule: Rule, now: datetime) -> LoginFailures:
    """Locked for us; begun anew where its time is over."""
    # Forgotten by hand while we waited for it: made again.
    while (row := LoginFailures.objects.select_for_update().filter(key=key).first()) is None:
        LoginFailures.objects.bulk_create([LoginFailures(key=key, what=what[:200], since=now)], ignore_conflicts=True)
    if (row.locked_until is not None and row.locked_until <= now) or now - row.since > rule.within:
        row.attempts, row.since, row.locked_until = 0, now, None
    return row


def _shown(username: str) -> str:
    """People type passwords into the wrong field: only names that exist are kept."""
    return username if User.objects.filter(username=username).exists() else "an unknown name"


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
