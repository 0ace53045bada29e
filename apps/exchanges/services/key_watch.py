"""Keys change without us: somebody gives them more rights, and they expire. So each is asked about every day, and what
its owner must know is a notice: a row, and an entry of the audit.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from loguru import logger

from alphapulse.exchanges.ccxt.permissions import Permissions
from alphapulse.exchanges.errors import ExchangeError, RateLimited
from alphapulse.resilience.breaker import BreakerState
from apps.audit.services import record
from apps.core.clock import now
from apps.exchanges import budgets, connections, health, keys
from apps.exchanges.models import ExchangeAccount, KeyNotice, KeyTrouble
from apps.exchanges.services import doubles

log = logger.bind(logger="keys")

EXPIRES_SOON = timedelta(days=14)
ASKED_EVERY = timedelta(days=1)
# Where there was no answer, and when the worker that asks dies meanwhile.
ASKED_AGAIN = timedelta(hours=1)
LONGEST_MESSAGE = KeyNotice._meta.get_field("message").max_length
# A round of asking, which the next one follows within minutes.
ROUND = timedelta(seconds=30)


def expires_soon(account: ExchangeAccount, at: datetime) -> bool:
    """Or has expired already."""
    return account.key_expires_at is not None and account.key_expires_at <= at + EXPIRES_SOON


def review(account: ExchangeAccount, *, at: datetime) -> None:
    """Opens the notices that its row calls for, and closes the others; also of accounts that are the same there."""
    with doubles.alone(account):
        for account_id in {account.pk, *doubles.settle(account)}:
            _review(account_id, at)


def review_doubles(account: ExchangeAccount, *, at: datetime) -> None:
    """Which of the accounts that are the same at the exchange counts may be another one now."""
    with doubles.alone(account):
        for account_id in doubles.settle(account):
            _review(account_id, at)


def _review(account_id: int, at: datetime) -> None:
    with transaction.atomic():
        # Who reviews it at the same time waits: no notice comes twice.
        stored = ExchangeAccount.objects.select_for_update().filter(pk=account_id).first()
        if stored is None:
            return
        wanted = {} if stored.archived_at else _noteworthy(stored, at)
        is_open = KeyNotice.objects.filter(account=stored, closed_at=None)
        is_open.exclude(kind__in=wanted).update(closed_at=at)
        known = set(is_open.values_list("kind", flat=True))
        for kind, message in wanted.items():
            is_open.filter(kind=kind).exclude(message=message).update(message=message)
            if kind not in known:
                KeyNotice.objects.create(account=stored, kind=kind, message=message, opened_at=at)
                record(f"key.{kind}", stored, at=at, message=message)
                log.warning("{}: {}", stored, message)


def review_expiring(at: datetime) -> None:
    """Keys of which time alone has made something to say."""
    is_open = KeyNotice.objects.filter(account=OuterRef("pk"), closed_at=None)
    told_soon = Exists(is_open.filter(kind=KeyTrouble.EXPIRES_SOON))
    told_over = Exists(is_open.filter(kind=KeyTrouble.EXPIRED))
    soon = ExchangeAccount.objects.live().filter(key_expires_at__lte=at + EXPIRES_SOON).exclude(told_over)
    for account in soon.exclude(told_soon & Q(key_expires_at__gt=at)):
        review(account, at=at)


def ask_due() -> int:
    """Asks about keys that it is time for, for about half a minute. Returns how many told."""
    begun, told = now(), 0
    while now() - begun < ROUND and (account := _claimed(now())) is not None:
        told += _ask(account, now())
    return told


def _noteworthy(account: ExchangeAccount, at: datetime) -> dict[str, str]:
    """In words, by kind."""
    found: dict[str, str] = {}
    if account.double_of_id:
        found[KeyTrouble.SAME_ACCOUNT] = doubles.why_not_counted(account)[:LONGEST_MESSAGE]
    if account.permissions.get("can_withdraw"):
        found[KeyTrouble.MAY_WITHDRAW] = (
            "This key may WITHDRAW, which nothing here needs: make one without that right at the exchange, enter it "
            "here, and delete this one there."
        )
    ends = account.key_expires_at
    if ends is not None and ends <= at:
        found[KeyTrouble.EXPIRED] = (
            f"This key expired on {ends:%Y-%m-%d}: make a new one at the exchange and enter it here."
        )
    elif ends is not None and expires_soon(account, at):
        found[KeyTrouble.EXPIRES_SOON] = (
            f"This key expires on {ends:%Y-%m-%d %H:%M} UTC, and what is read ends with it. Make a new one at the "
            "exchange before that, or tie this one to a list of IPs there."
        )
    return found


def _due(at: datetime) -> QuerySet[ExchangeAccount]:
    is_time = Q(key_due_at=None) | Q(key_due_at__lte=at)
    asked = ExchangeAccount.objects.live().filter(is_time, is_enabled=True).exclude(sealed_credentials="")
    unknown = Q(exchange_id__in=keys.TELLING_WHOSE, exchange_uid="")
    return asked.filter(unknown | Q(exchange_id__in=keys.TELLING)).order_by(F("key_due_at").asc(nulls_first=True), "pk")


def _claimed(at: datetime) -> ExchangeAccount | None:
    """The one that has waited longest; it is nobody else's for an hour."""
    while (account := _due(at).first()) is not None:
        unclaimed = ExchangeAccount.objects.filter(pk=account.pk, key_due_at=account.key_due_at)
        if unclaimed.update(key_due_at=at + ASKED_AGAIN):
            return account
    return None


def _ask(account: ExchangeAccount, at: datetime) -> bool:
    """Whether it told. What keeps us from asking, or from being answered, is tried again in an hour."""
    lane = health.of_exchange(account.exchange_id).get((account.environment, account.egress))
    # While it is half-open one sync probes the exchange, and nobody else asks.
    if lane is not None and lane.state(at) is not BreakerState.CLOSED:
        return False
    try:
        granted = _asked_on_budget(account, at, uncounted_at=lane.uncounted_at if lane else None)
    except ExchangeError as problem:
        # That a key is rejected is for the syncs to find: they ask twice before they disable an account.
        log.info("{}: what its key may do could not be read: {}", account, problem)
        return False
    if granted is None:
        return False
    _note(account, granted, now())
    return True


def _asked_on_budget(account: ExchangeAccount, at: datetime, *, uncounted_at: datetime | None) -> Permissions | None:
    """None where the budget leaves nothing for it."""
    route = connections.route_of(account)
    grant = budgets.take(route, keys.costs(account), wanted=1, now=at, uncounted_at=uncounted_at)
    if not grant.units:
        return None
    if grant.is_uncounted:
        health.spent_uncounted(route, at=at)
    try:
        return keys.ask_permissions(account)
    except RateLimited as refusal:
        health.heed(route, refusal, at=now())
        raise
    finally:
        budgets.finished(grant, route, {}, now=now())


def _note(account: ExchangeAccount, granted: Permissions, at: datetime) -> None:
    """Keeps the answer, unless the account has another key by now."""
    told, ends = account.permissions, account.key_expires_at
    if not granted.says_nothing:
        told, ends = keys.with_answer(account.permissions, granted), granted.expires_at
    kept = {"permissions": told, "permissions_checked_at": at, "key_expires_at": ends}
    if granted.exchange_uid:
        kept["exchange_uid"] = keys.uid_of(granted)
    with doubles.alone(account):
        same = ExchangeAccount.objects.live().filter(pk=account.pk, key_fingerprint=account.key_fingerprint)
        if not same.update(**kept, key_due_at=at + ASKED_EVERY):
            return
        if told != account.permissions:
            record("account.key_changed", account, at=at, before=account.permissions, after=told)
        review(account, at=at)
