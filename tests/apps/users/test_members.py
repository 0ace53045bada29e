from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.users.models import Invitation, Membership, Workspace
from tests.apps.api import get, logged_in, user
from tests.apps.builders import account

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def family() -> Workspace:
    return Workspace.objects.get(name="family")


def invite(client: APIClient, role: str = "trader") -> str:
    answer = client.post(f"/api/user/workspaces/{family().pk}/invitations", {"role": role}, format="json")
    assert answer.status_code == 201
    return answer.json()["token"]


def accept(client: APIClient, token: str):
    return client.post("/api/user/invitations/accept", {"token": token}, format="json")


def test_who_has_the_token_of_an_invitation_comes_in_with_its_role_once():
    owner, guest, late = logged_in(), logged_in("anna"), logged_in("berta")
    account()
    token = invite(owner)
    answer = accept(guest, token)
    assert answer.json() == {"id": family().pk, "name": "family", "role": "trader"}
    assert get(guest, "/api/exchange/balance")["wallets"]
    again = accept(late, token)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    names = [row["username"] for row in get(guest, f"/api/user/workspaces/{family().pk}/members")["results"]]
    assert sorted(names) == ["anna", "family"]
    told = AuditEntry.objects.get(action="invitation.accepted")
    assert (told.actor.username, told.after["role"]) == ("anna", "trader")


def test_the_token_of_an_invitation_is_not_kept():
    token = invite(logged_in())
    assert not any(token in str(value) for value in Invitation.objects.values().get().values())


@pytest.mark.parametrize("how", ["expired", "canceled", "invented"])
def test_an_invitation_that_is_over_lets_nobody_in(how):
    owner, guest = logged_in(), logged_in("anna")
    token = invite(owner)
    url = f"/api/user/workspaces/{family().pk}/invitations"
    (row,) = get(owner, url)["results"]
    if how == "expired":
        Invitation.objects.update(expires_at=now() - timedelta(seconds=1))
    elif how == "canceled":
        assert owner.delete(f"{url}/{row['id']}").status_code == 204
    else:
        token = "x" * len(token)
    assert accept(guest, token).status_code == 409
    assert family().memberships.count() == 1
    assert len(get(owner, url)["results"]) == (1 if how == "invented" else 0)


def test_who_is_in_already_does_not_use_the_invitation_up():
    owner, guest = logged_in(), logged_in("anna")
    token = invite(owner)
    assert accept(owner, token).status_code == 409
    assert accept(guest, token).status_code == 200


def test_an_admin_gives_another_role_and_the_audit_has_before_and_after():
    owner, anna = logged_in(), user("anna")
    Membership.objects.create(workspace=family(), user=anna, role="viewer")
    url = f"/api/user/workspaces/{family().pk}/members/{anna.pk}"
    answer = owner.put(url, {"role": "admin"}, format="json")
    assert answer.json() == {"user_id": anna.pk, "username": "anna", "role": "admin"}
    entry = AuditEntry.objects.get(action="member.role_changed")
    assert (entry.before, entry.after) == ({"role": "viewer"}, {"role": "admin"})


def test_the_last_admin_neither_goes_nor_steps_down():
    owner = logged_in()
    url = f"/api/user/workspaces/{family().pk}/members/{family().memberships.get().user_id}"
    assert owner.delete(url).status_code == 409
    answer = owner.put(url, {"role": "viewer"}, format="json")
    assert (answer.status_code, "only admin" in answer.json()["detail"]) == (409, True)
    assert owner.put(url, {"role": "admin"}, format="json").status_code == 200


def test_everybody_may_leave_and_sees_nothing_any_more():
    logged_in()
    anna = logged_in("anna")
    account()
    mine = user("anna").pk
    Membership.objects.create(workspace=family(), user_id=mine, role="viewer")
    assert anna.delete(f"/api/user/workspaces/{family().pk}/members/{mine}").status_code == 204
    assert get(anna, "/api/exchange/balance")["wallets"] == []
    assert anna.get(f"/api/user/workspaces/{family().pk}/members").status_code == 404
