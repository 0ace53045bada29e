from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.clock import now
from apps.users.models import ApiToken, Membership, User, Workspace
from apps.users.services import members
from tests.apps.api import get, logged_in, tokens_of, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def one_more(number: int) -> None:
    """Of everything that the family's user has lists of."""
    owner, at = user(), now()
    tokens_of(owner)
    until = at + timedelta(days=1)
    ApiToken.objects.create(user=owner, name="a", prefix=str(number), created_at=at, expires_at=until)
    workspace = Workspace.objects.get(name="family")
    Membership.objects.create(workspace=workspace, user=User.objects.create_user(f"user {number}"), role="viewer")
    members.invite(workspace, role="viewer", note="", actor=owner, now=at)


OF_WORKSPACE = [f"workspaces/{{workspace}}/{each}" for each in ("members", "invitations", "audit")]


@pytest.mark.parametrize("path", ["sessions", "tokens", *OF_WORKSPACE])
def test_a_list_costs_as_many_queries_for_fifty_rows_as_for_one(path):
    client, counts = logged_in(), []
    url = f"/api/user/{path.format(workspace=Workspace.objects.get(name='family').pk)}"
    for numbers in (range(1), range(1, 50)):
        for number in numbers:
            one_more(number)
        with CaptureQueriesContext(connection) as seen:
            rows = get(client, url)["results"]
        counts.append(len(seen))
    assert len(rows) >= 50
    assert counts[0] == counts[1]
