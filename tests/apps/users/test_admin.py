from datetime import timedelta

import pytest

from apps.core.clock import now
from apps.users.models import ApiToken, EndReason, Invitation, Membership, Session, User, Workspace
from apps.users.scopes import Scope
from apps.users.services import api_tokens, members
from apps.users.services.access import by_token
from tests.apps.api import bearer, tokens_of
from tests.apps.pages import act, add_url, list_url, logged_in, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def new_user(client, username: str):
    given = {
        "username": username,
        "usable_password": "true",
        "password1": "a-good-Pass-7",
        "password2": "a-good-Pass-7",
    }
    return client.post(add_url(User), given, follow=True)


def test_a_user_made_in_the_admin_has_a_workspace_of_their_own():
    answer = new_user(logged_in(), "anna")

    assert answer.status_code == 200
    anna = User.objects.get(username="anna")
    membership = anna.memberships.get()
    assert (membership.workspace.name, membership.role) == ("anna", "admin")


def test_a_name_that_a_workspace_has_already_is_refused_with_the_reason():
    client = logged_in()
    Workspace.objects.create(name="anna")
    answer = new_user(client, "anna")

    assert "A workspace has this name already" in answer.content.decode()
    assert not User.objects.filter(username="anna").exists()


def test_an_existing_user_is_changed_without_another_workspace():
    client = logged_in()
    anna = User.objects.create_user("anna")
    page = client.get(page_url(anna)).context["adminform"].form
    given = {name: value for name, value in page.initial.items() if value and name != "password"}
    given |= {"email": "anna@example.org", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    inline = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    answer = client.post(page_url(anna), {**given, **inline}, follow=True)

    assert answer.status_code == 200
    anna.refresh_from_db()
    assert anna.email == "anna@example.org"
    assert Workspace.objects.filter(name="anna").count() == 1


def one_more(name: str) -> None:
    """A user with everything that a user may have."""
    access = by_token(tokens_of(User.objects.create_user(name)).access, address=None, now=now())
    tomorrow = now() + timedelta(days=1)
    api_tokens.create(access, name="a", scopes=[Scope.MARKET_READ], expires_at=tomorrow, now=now())
    workspace = access.user.memberships.get().workspace
    members.invite(workspace, role="viewer", note="", actor=access.user, now=now())


@pytest.mark.parametrize("model", [User, Workspace, Membership, Session, ApiToken, Invitation])
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    one_more("first")
    for_one = queries_of(client, list_url(model))
    for number in range(29):
        one_more(f"user {number}")

    assert queries_of(client, list_url(model)) == for_one


def test_the_page_of_a_workspace_needs_as_many_queries_for_thirty_members_as_for_one():
    client = logged_in()
    family = User.objects.create_user("family").memberships.get().workspace
    for_one = queries_of(client, page_url(family))
    for number in range(29):
        Membership.objects.create(workspace=family, user=User.objects.create_user(f"user {number}"), role="viewer")

    assert queries_of(client, page_url(family)) == for_one
    assert "user 28" in text_of(client, page_url(family))
    assert "user 28 (viewer)" in text_of(client, list_url(Workspace))


def test_ops_end_sessions_and_revoke_tokens():
    client, anna = logged_in(), User.objects.create_user("anna")
    tokens = tokens_of(anna)
    access = by_token(tokens.access, address=None, now=now())
    until = now() + timedelta(days=1)
    row, token = api_tokens.create(access, name="a", scopes=[Scope.PORTFOLIO_READ], expires_at=until, now=now())
    assert act(client, Session, "end", access.session) == ["1 session ended."]
    assert act(client, ApiToken, "revoke", row) == ["1 token revoked."]
    assert Session.objects.get().ended_why == EndReason.REVOKED
    assert [bearer(each).get("/api/exchange/balance").status_code for each in (tokens.access, token)] == [401, 401]
    assert "revoked" in text_of(client, list_url(ApiToken))
