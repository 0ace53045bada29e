"""Who logs in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction

from apps.audit.services import record
from apps.core import origin
from apps.core.clock import now
from apps.users.models.sessions import EndReason, SessionQuerySet
from apps.users.models.workspaces import Membership, Role, Workspace


class UserManager(DjangoUserManager["User"]):
    def _create_user(self, username: str, *args: Any, **kwargs: Any) -> User:  # type: ignore[override]
        """Every way to a new user passes here, so each has a workspace of their own."""
        with transaction.atomic():
            user = super()._create_user(username, *args, **kwargs)
            user.give_own_workspace()
            told = {name: getattr(user, name) for name in ("username", "email", "is_staff", "is_superuser")}
            record("user.created", user, at=now(), actor=origin.current().user, after=told)
        return user


class User(AbstractUser):
    sessions: models.Manager[Any]
    api_tokens: models.Manager[Any]
    recovery_codes: models.Manager[Any]

    objects = UserManager()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Every way to another password, and every way out, passes here: what the old one opened is closed."""
        why = "" if self._state.adding else self._why_sessions_end()
        has_new_password = why and self._password is not None
        with transaction.atomic():
            super().save(*args, **kwargs)
            live: SessionQuerySet = self.sessions.all()
            ended = live.end(why=why, at=now()) if why else 0
            told = {"at": now(), "actor": origin.current().user, "sessions": ended}
            if has_new_password:
                record("user.password_changed", self, **told)
            elif ended:
                record("user.sessions_ended", self, **told, why=why)

    def _why_sessions_end(self) -> str:
        if not self.is_active:
            return EndReason.DEACTIVATED
        # Django remembers the raw password until the row is saved; not where it only hashes the same one anew.
        is_new = self._password is not None or not self.has_usable_password()
        return EndReason.PASSWORD if is_new else ""

    def give_own_workspace(self) -> Workspace:
        workspace = Workspace.objects.create(name=self.username)
        Membership.objects.create(workspace=workspace, user=self, role=Role.ADMIN)
        return workspace
