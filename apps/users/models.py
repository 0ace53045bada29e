"""Who may see what: every owned row points at a workspace, never at a user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models, transaction


class UserManager(DjangoUserManager["User"]):
    def _create_user(self, username: str, *args: Any, **kwargs: Any) -> User:  # type: ignore[override]
        """Every way to a new user passes here, so each has a workspace of their own."""
        with transaction.atomic():
            user = super()._create_user(username, *args, **kwargs)
            user.give_own_workspace()
        return user


class User(AbstractUser):
    objects = UserManager()

    def give_own_workspace(self) -> Workspace:
        workspace = Workspace.objects.create(name=self.username)
        Membership.objects.create(workspace=workspace, user=self, role=Role.ADMIN)
        return workspace


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def of(self, user: User) -> WorkspaceQuerySet:
        return self.filter(memberships__user=user)


class Workspace(models.Model):
    name = models.CharField(max_length=150, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


class Membership(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"
