"""Who somebody is, in one look."""

from dataclasses import dataclass

from apps.users.models import Membership, User, UserSettings
from apps.users.services.preferences import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    id: int
    username: str
    email: str
    is_staff: bool
    workspaces: list[Membership]
    settings: UserSettings


def profile_of(user: User) -> Profile:
    memberships = Membership.objects.filter(user=user).select_related("workspace").order_by("pk")
    return Profile(
        id=user.pk,
        username=user.get_username(),
        email=user.email,
        is_staff=user.is_staff,
        workspaces=list(memberships),
        settings=settings_of(user),
    )
