"""What was done in a workspace, as its admins read it."""

import pytest

from apps.audit.services import record
from apps.users.models import Membership
from tests.apps.api import bearer, get, logged_in, tokens_of, user
from tests.apps.builders import account, later, workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def url() -> str:
    return f"/api/user/workspaces/{workspace().pk}/audit"


def deeds(number: int = 3) -> None:
    mine = account()
    for each in range(number):
        record(
            "account.changed", mine, at=later(each), actor=user(), before={"label": "a"}, after={"label": "b"}, n=each
        )


def test_an_admin_reads_who_did_what_from_where_newest_first():
    client = logged_in()
    mine = account()
    client.post(
        f"/api/exchange/accounts/{mine.pk}/disable", {"reason": "holidays"}, format="json", REMOTE_ADDR="192.0.2.9"
    )
    (row,) = get(client, url())["results"]
    assert row.pop("id") > 0
    assert row.pop("at").endswith("Z")
    assert row.pop("opened_by").startswith("session.")
    assert row == {
        "actor_id": user().pk,
        "actor": "family",
        "action": "account.disabled",
        "target": f"exchangeaccount:{mine.pk}",
        "name": "main (binance, sandbox)",
        "before": {"is_enabled": True},
        "after": {"is_enabled": False, "reason": "holidays"},
        "details": {},
        "via": f"POST /api/exchange/accounts/{mine.pk}/disable",
        "address": "192.0.2.9",
        "user_agent": "",
    }


def test_pages_follow_each_other():
    client = logged_in()
    deeds(5)
    seen, page = [], get(client, url(), page_size=2)
    seen += page["results"]
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += page["results"]
    assert [row["details"]["n"] for row in seen] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({"action": "account.changed"}, 3),
        ({"action": "account.enabled"}, 0),
        ({"actor": "family"}, 3),
        ({"actor": "anna"}, 0),
        ({"target": "exchangeaccount:0"}, 0),
        ({"since": "2026-11-21T12:00:01Z"}, 2),
        ({"until": "2026-11-21T12:00:01Z"}, 1),
    ],
)
def test_it_is_filtered(asked, rows):
    client = logged_in()
    deeds()
    assert len(get(client, url(), **asked)["results"]) == rows


def test_an_unknown_filter_is_refused_by_name():
    answer = logged_in().get(url(), {"username": "family"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_parameter")


@pytest.mark.parametrize("role", ["viewer", "trader"])
def test_a_role_below_admin_reads_nothing_of_it(role):
    anna = user("anna")
    Membership.objects.create(workspace=workspace(), user=anna, role=role)
    answer = bearer(tokens_of(anna).access).get(url())
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_it_is_of_the_workspace_alone_and_of_nobody_elses():
    client = logged_in()
    record("account.changed", account("theirs", owner="neighbours"), at=later(0))
    record("user.password_changed", user(), at=later(0))
    assert get(client, url())["results"] == []
    assert logged_in("stranger").get(url()).status_code == 404
