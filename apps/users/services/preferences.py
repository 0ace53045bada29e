"""How a user likes to be shown things."""

from typing import Any

from django.db import transaction

from apps.users.models import User, UserSettings


def settings_of(user: User) -> UserSettings:
    """The user's own, or the defaults, not stored."""
    return UserSettings.objects.filter(user=user).first() or UserSettings(user=user)


def change_settings(user: User, changes: dict[str, Any]) -> UserSettings:
    """`changes`: some of UserSettings' columns; the others stay as they are."""
    with transaction.atomic():
        UserSettings.objects.get_or_create(user=user)
        mine = UserSettings.objects.select_for_update().get(user=user)
        for name, value in changes.items():
            setattr(mine, name, value)
        mine.save()
    return mine
