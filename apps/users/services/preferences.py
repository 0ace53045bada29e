"""How a user likes to be shown things."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit.services import record
from apps.users.models import User, UserSettings


def settings_of(user: User) -> UserSettings:
    """The user's own, or the defaults, not stored."""
    return UserSettings.objects.filter(user=user).first() or UserSettings(user=user)


def base_currencies(workspaces: Collection[int]) -> set[str]:
    """In which the members of these look at what it is worth."""
    members = User.objects.filter(memberships__workspace__in=workspaces, is_active=True).order_by()
    told = members.values_list("settings__base_currency", flat=True).distinct()
    return {currency or UserSettings().base_currency for currency in told}


def change_settings(user: User, changes: dict[str, Any], *, now: datetime) -> UserSettings:
    """`changes`: some of UserSettings' columns; the others stay as they are."""
    with transaction.atomic():
        UserSettings.objects.get_or_create(user=user)
        mine = UserSettings.objects.select_for_update().get(user=user)
        before = {name: getattr(mine, name) for name, value in changes.items() if getattr(mine, name) != value}
        for name, value in changes.items():
            setattr(mine, name, value)
        mine.save()
        if before:
            after = {name: changes[name] for name in before}
            record("user.settings_changed", user, at=now, actor=user, before=_as_json(before), after=_as_json(after))
    return mine


def _as_json(values: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in values.items()}
