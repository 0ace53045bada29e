"""Two-factor: setting it up, asking for it, and doing without the device once it is lost."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

import pyotp
from django.conf import settings
from django.db import transaction

from apps.audit.services import record
from apps.users import tokens
from apps.users.models import RecoveryCode, TwoFactor, User
from apps.users.scopes import Scope, open_to

ISSUER = "AlphaPulse"
STEP = 30  # seconds
# Clocks of phones: one step early or late is still good.
DRIFT = (0, -1, 1)
RECOVERY_CODES = 10
# What who must set it up, and has not yet, may do: set it up.
ENROLLING = frozenset({Scope.USER_READ, Scope.USER_WRITE})


class TwoFactorRefused(Exception):
    """What cannot be done; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    enabled: bool
    required: bool
    recovery_codes_left: int


def state_of(user: User) -> State:
    left = user.recovery_codes.filter(used_at=None).count()
    return State(enabled=is_enabled(user), required=is_required(user), recovery_codes_left=left)


def is_enabled(user: User) -> bool:
    return TwoFactor.objects.filter(user=user).exclude(confirmed_at=None).exists()


def is_required(user: User) -> bool:
    return bool(user.is_staff and settings.STAFF_TWO_FACTOR)


def scopes_open_to(user: User) -> frozenset[Scope]:
    """What a session of this user may hold: staff who must set two-factor up, and have not, may do that alone."""
    if is_required(user) and not is_enabled(user):
        return ENROLLING
    return open_to(is_staff=user.is_staff)


def begin(user: User, *, now: datetime) -> str:
    """A new secret, to be confirmed by its first code; an earlier one that never was is forgotten.

    Raises TwoFactorRefused where it is enabled already.
    """
    secret = pyotp.random_base32()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if is_enabled(user):
            raise TwoFactorRefused("Two-factor is enabled already: disable it first.")
        TwoFactor.objects.filter(user=user).delete()
        row = TwoFactor(user=user)
        row.set_secret(secret)
        row.save()
        record("two_factor.begun", row, at=now, actor=user)
    return secret


def uri(user: User, secret: str) -> str:
    """What authenticators read, mostly as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name=ISSUER)


def confirm(user: User, code: str, *, now: datetime) -> list[str]:
    """Enabled from now on: the recovery codes, told once. Raises TwoFactorRefused."""
    with transaction.atomic():
        row = TwoFactor.objects.select_for_update().filter(user=user, confirmed_at=None).first()
        if row is None:
            raise TwoFactorRefused("There is nothing to confirm: begin first.")
        if not _spend(row, code, now):
            raise TwoFactorRefused("This is not the authenticator's code of now: is its clock right?")
        TwoFactor.objects.filter(pk=row.pk).update(confirmed_at=now)
        record("two_factor.enabled", row, at=now, actor=user, before={"is_enabled": False}, after={"is_enabled": True})
        return _new_codes(user)


def passes(user: User, code: str, *, now: datetime) -> bool:
    """Is it the authenticator's code, or a recovery code? Either is good once."""
    with transaction.atomic():
        row = TwoFactor.objects.select_for_update().filter(user=user).exclude(confirmed_at=None).first()
        if row is None:
            return False
        return _spend(row, code, now) or _spend_recovery_code(row, code, now)


def renew_codes(user: User, *, now: datetime) -> list[str]:
    """The old ones are worth nothing any more."""
    with transaction.atomic():
        record("two_factor.recovery_codes_renewed", user, at=now, actor=user)
        return _new_codes(user)


def disable(user: User, *, actor: User | None, now: datetime, by_hand: bool = False) -> None:
    """Raises TwoFactorRefused where it is required, unless ops do it `by_hand`: a lost device is replaced so."""
    if is_required(user) and not by_hand:
        raise TwoFactorRefused("Staff cannot do without two-factor.")
    with transaction.atomic():
        before = {"is_enabled": is_enabled(user)}
        TwoFactor.objects.filter(user=user).delete()
        user.recovery_codes.all().delete()
        record("two_factor.disabled", user, at=now, actor=actor, before=before, after={"is_enabled": False})


def _spend(row: TwoFactor, code: str, now: datetime) -> bool:
    totp = pyotp.TOTP(row.open_secret())
    step = int(now.timestamp()) // STEP
    for candidate in (step + drift for drift in DRIFT):
        if compare_digest(totp.at(candidate * STEP).encode(), code.strip().encode(errors="replace")):
            return bool(TwoFactor.objects.filter(pk=row.pk, last_step__lt=candidate).update(last_step=candidate))
    return False


def _spend_recovery_code(row: TwoFactor, code: str, now: datetime) -> bool:
    digest = tokens.digest(code.strip().lower())
    if not RecoveryCode.objects.filter(user=row.user_id, digest=digest, used_at=None).update(used_at=now):
        return False
    record("two_factor.recovery_code_used", row, at=now, actor=row.user)
    return True


def _new_codes(user: User) -> list[str]:
    codes = [f"{secrets.token_hex(7)}-{secrets.token_hex(7)}" for _ in range(RECOVERY_CODES)]
    user.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=tokens.digest(code)) for code in codes)
    return codes
