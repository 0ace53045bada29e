from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.users.models import ApiToken, User
from apps.users.scopes import GRANTS, Scope
from apps.users.services import api_tokens
from apps.users.services.access import by_token
from tests.apps.api import bearer, get, logged_in, tokens_of, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

SESSIONS_ONLY = sorted(scope for scope, grant in GRANTS.items() if grant.sessions_only)


def make(client: APIClient, **changes: object):
    until = (now() + timedelta(days=30)).isoformat()
    body = {"name": "a script", "scopes": ["portfolio:read"], "expires_at": until} | changes
    return client.post("/api/user/tokens", body, format="json")


def test_a_personal_token_opens_what_its_scopes_say_and_nothing_else():
    token = make(logged_in()).json()["token"]
    assert token.startswith("ap_")
    script = bearer(token)
    assert get(script, "/api/exchange/balance")["results"] == []
    answer = script.get("/api/user/profile")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_of_staff_who_must_have_two_factor_and_have_none_a_token_opens_nothing(settings):
    token = make(logged_in()).json()["token"]
    settings.STAFF_TWO_FACTOR = True
    get(bearer(token), "/api/exchange/balance")
    User.objects.update(is_staff=True)
    assert bearer(token).get("/api/exchange/balance").json()["code"] == "scope_missing"


def test_it_is_told_once_and_kept_as_a_digest():
    client = logged_in()
    made = make(client).json()
    (row,) = get(client, "/api/user/tokens")["results"]
    assert "token" not in row
    assert made["token"].startswith(row["prefix"] + "_")
    assert row["scopes"] == ["portfolio:read"]
    secret = made["token"].rpartition("_")[2]
    assert not any(secret in str(value) for value in ApiToken.objects.values().get().values())
    assert not any(secret in str(entry.details) for entry in AuditEntry.objects.all())


def test_a_revoked_token_opens_nothing_and_is_listed_no_more():
    client = logged_in()
    made = make(client).json()
    assert client.delete(f"/api/user/tokens/{made['id']}").status_code == 204
    assert bearer(made["token"]).get("/api/exchange/balance").status_code == 401
    assert get(client, "/api/user/tokens")["results"] == []
    assert client.delete(f"/api/user/tokens/{made['id']}").status_code == 404
    assert AuditEntry.objects.get(action="api_token.revoked").target == f"apitoken:{made['id']}"


@pytest.mark.parametrize(
    "change",
    [
        lambda: ApiToken.objects.update(expires_at=now()),
        lambda: User.objects.update(is_active=False),
        lambda: User.objects.get().delete(),
    ],
    ids=["expired", "inactive", "deleted"],
)
def test_an_expired_token_or_one_of_who_is_gone_is_a_401(change):
    token = make(logged_in()).json()["token"]
    change()
    assert bearer(token).get("/api/exchange/balance").status_code == 401


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
        lambda token: token.rpartition("_")[0] + "_",
        lambda token: token[:10],
        lambda token: "ap_" + "é" * 12 + "_x",
        lambda token: "ap_" + "0" * 12 + token[15:],
        lambda token: "ap_",
    ],
)
def test_what_is_only_like_a_token_is_a_401(spoil):
    token = make(logged_in()).json()["token"]
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {spoil(token)}".encode().decode("latin-1"))
    assert client.get("/api/exchange/balance").status_code == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": SESSIONS_ONLY[:1]}, "scopes"),
        ({"scopes": ["system:ops"]}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
        ({"name": ""}, "name"),
        ({"admin": True}, "admin"),
    ],
)
def test_a_token_that_cannot_be_had_is_told_field_by_field_and_not_made(changes, field):
    answer = make(logged_in(), **changes)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not ApiToken.objects.exists()


def test_a_narrow_session_makes_no_wider_token():
    narrow = bearer(tokens_of(user(), scopes=[Scope.USER_WRITE, Scope.MARKET_READ]).access)
    assert make(narrow, scopes=["market:read"]).status_code == 201
    assert make(narrow, scopes=["portfolio:read"]).json()["errors"] == {
        "scopes": ["You have not portfolio:read yourself."]
    }


def test_staff_may_have_one_for_metrics_and_it_is_worth_nothing_once_they_are_not():
    client = logged_in()
    User.objects.update(is_staff=True)
    client = bearer(tokens_of(User.objects.get()).access)
    token = make(client, scopes=["system:metrics"]).json()["token"]
    look = lambda: by_token(token, address=None, now=now()).scopes  # noqa: E731
    assert look() == {Scope.SYSTEM_METRICS}
    User.objects.update(is_staff=False)
    assert look() == set()


def test_its_last_use_is_noted_once_a_minute_with_its_address():
    token = make(logged_in()).json()["token"]
    by_token(token, address="192.0.2.9", now=now())
    first = ApiToken.objects.get()
    assert first.used_from == "192.0.2.9"
    by_token(token, address="192.0.2.10", now=now() + timedelta(seconds=30))
    assert ApiToken.objects.get().used_from == "192.0.2.9"
    by_token(token, address="192.0.2.10", now=now() + timedelta(seconds=61))
    assert ApiToken.objects.get().used_from == "192.0.2.10"


def test_nobody_has_more_tokens_than_they_can_count(monkeypatch):
    monkeypatch.setattr(api_tokens, "MOST", 2)
    client = logged_in()
    assert [make(client).status_code for _ in range(3)] == [201, 201, 400]


def test_a_session_may_be_narrowed_at_the_login_and_stays_narrow_when_refreshed():
    user()
    body = {"username": "family", "password": "correct horse battery", "scopes": ["portfolio:read"]}
    tokens = APIClient().post("/api/user/login", body, format="json").json()
    tokens = APIClient().post("/api/user/refresh", {"refresh": tokens["refresh"]}, format="json").json()
    assert bearer(tokens["access"]).get("/api/user/profile").status_code == 403
    get(bearer(tokens["access"]), "/api/exchange/balance")
