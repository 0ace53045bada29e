"""Who is in a workspace, as what, and how one comes in."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.audit.services import record
from apps.users import tokens
from apps.users.models import Invitation, Membership, Role, User, Workspace

INVITATION_LASTS = timedelta(days=7)


class MembersRefused(Exception):
    """What cannot be done to a workspace's members; says why."""


def invite(workspace: Workspace, *, role: str, note: str, actor: User, now: datetime) -> tuple[Invitation, str]:
    """The row, and the token that opens it, which nobody sees again."""
    token = secrets.token_urlsafe(tokens.SECRET_BYTES)
    with transaction.atomic():
        row = Invitation.objects.create(
            workspace=workspace,
            role=role,
            note=note,
            digest=tokens.digest(token),
            invited_by=actor,
            created_at=now,
            expires_at=now + INVITATION_LASTS,
        )
        record("invitation.created", row, at=now, actor=actor, after={"role": role, "note": note})
    return row, token


def cancel(invitation: Invitation, *, actor: User, now: datetime) -> bool:
    """False where it was accepted or canceled before."""
    with transaction.atomic():
        still = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, canceled_at=None)
        if not still.update(canceled_at=now):
            return False
        record("invitation.canceled", invitation, at=now, actor=actor, before={"role": invitation.role})
    return True


def accept(token: str, *, user: User, now: datetime) -> Membership:
    """Who has the token is in, once. Raises MembersRefused."""
    found = Invitation.objects.select_related("workspace").filter(digest=tokens.digest(token)).first()
    with transaction.atomic():
        still = Invitation.objects.open(now).filter(pk=found.pk if found else None)
        if found is None or not still.update(accepted_at=now, accepted_by=user):
            raise MembersRefused("This invitation does not exist, has expired, or was used.")
        membership, is_new = Membership.objects.get_or_create(
            workspace=found.workspace, user=user, defaults={"role": found.role}
        )
        if not is_new:
            raise MembersRefused(f"You are {membership.role} of {found.workspace} already.")
        record("invitation.accepted", found, at=now, actor=user, after={"role": found.role})
    return membership


def change_role(membership: Membership, role: str, *, actor: User, now: datetime) -> Membership:
    """Raises MembersRefused: somebody must stay who may let others in."""
    with transaction.atomic():
        held = _held(membership)
        if held.role != role:
            _refuse_last_admin(held)
            Membership.objects.filter(pk=held.pk).update(role=role)
            _record("member.role_changed", held, actor, now, before={"role": held.role}, after={"role": role})
            held.role = role
    return held


def remove(membership: Membership, *, actor: User, now: datetime) -> None:
    """Raises MembersRefused: the last admin cannot go."""
    with transaction.atomic():
        held = _held(membership)
        _refuse_last_admin(held)
        _record("member.removed", held, actor, now, before={"role": held.role})
        held.delete()


def _held(membership: Membership) -> Membership:
    """One change of a workspace's members at a time: two admins must not remove each other."""
    Workspace.objects.select_for_update().get(pk=membership.workspace_id)
    held = Membership.objects.select_related("workspace", "user").filter(pk=membership.pk).first()
    if held is None:
        raise MembersRefused("This member is gone already.")
    return held


def _refuse_last_admin(membership: Membership) -> None:
    others = Membership.objects.filter(workspace=membership.workspace, role=Role.ADMIN).exclude(pk=membership.pk)
    if membership.role == Role.ADMIN and not others.exists():
        raise MembersRefused(f"{membership.user} is the only admin of {membership.workspace}: make another one first.")


def _record(action: str, membership: Membership, actor: User, now: datetime, **details: Any) -> None:
    record(action, membership, at=now, actor=actor, user_id=membership.user_id, **details)
