from datetime import timedelta

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from apps.users.models import User
from tests.apps.api import PASSWORD, bearer, get, log_in, logged_in, tokens_of, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_name_and_password_give_two_tokens_and_the_access_token_opens_the_door():
    user()
    answer = APIClient().post("/api/user/login", {"username": "family", "password": PASSWORD}, format="json")
    assert set(answer.json()) == {"access", "refresh"}
    assert get(bearer(answer.json()["access"]), "/api/user/profile")["workspaces"][0]["role"] == "admin"


def test_a_wrong_password_is_a_problem_with_a_code_and_no_hint():
    user()
    answer = APIClient().post("/api/user/login", {"username": "family", "password": "wrong"}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    nobody = APIClient().post("/api/user/login", {"username": "nobody", "password": "wrong"}, format="json")
    assert answer.json() == nobody.json()


def test_a_login_without_a_password_says_which_field_is_missing():
    answer = APIClient().post("/api/user/login", {"username": "family"}, format="json")
    assert answer.status_code == 400
    assert "password" in answer.json()["errors"]


@pytest.mark.parametrize("path", ["/api/user/profile", "/api/exchange/balance", "/api/system/status"])
def test_without_a_token_the_door_is_closed(path):
    answer = APIClient().get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("change", [lambda u: u.delete(), lambda u: User.objects.update(is_active=False)])
def test_a_deleted_or_deactivated_users_token_is_a_401(change):
    client = logged_in()
    change(User.objects.get(username="family"))
    assert client.get("/api/exchange/balance").status_code == 401


def test_an_expired_or_forged_token_is_a_401():
    client = APIClient()
    old = AccessToken(tokens_of(user()).access)
    old.set_exp(lifetime=timedelta(seconds=-1))
    for token in (str(old), "not.a.token"):
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        answer = client.get("/api/user/profile")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


@pytest.mark.parametrize("change", [lambda u: u.delete(), lambda u: User.objects.update(is_active=False)])
def test_a_deleted_or_deactivated_users_refresh_token_gives_nothing(change):
    tokens = log_in(user())
    change(User.objects.get(username="family"))
    answer = APIClient().post("/api/user/refresh", {"refresh": tokens["refresh"]}, format="json")
    assert (answer.status_code, "access" in answer.json()) == (401, False)


def test_a_refresh_token_opens_no_door_itself_and_an_access_token_refreshes_nothing():
    tokens = log_in(user())
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {tokens['refresh']}").get("/api/user/profile").status_code == 401
    answer = APIClient().post("/api/user/refresh", {"refresh": tokens["access"]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_access_lasts_five_minutes_and_a_login_a_day():
    tokens = log_in(user())
    access, refresh = AccessToken(tokens["access"]), RefreshToken(tokens["refresh"])
    assert (access["exp"] - access["iat"], refresh["exp"] - refresh["iat"]) == (300, 86400)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "parse_error"),
        (b"\xff", 400, "parse_error"),
        (b"[" * 100_000, 400, "parse_error"),
        (b"[]", 400, "invalid"),
        (b'{"username": {"$ne": 1}, "password": ["x"]}', 400, "invalid"),
        (b'{"username": "a\\u0000", "password": "x"}', 400, "invalid"),
        (b'{"username": "\\ud800", "password": "x"}', 400, "parse_error"),
        (b'"' + b"x" * 1_000_000 + b'"', 413, "body_too_large"),
    ],
    ids=["cut", "binary", "deep", "list", "objects", "nul", "surrogate", "huge"],
)
def test_a_body_that_is_no_login_is_a_problem_of_its_sender(body, status, code):
    answer = APIClient().post("/api/user/login", body, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code


def test_a_form_instead_of_json_is_told_so():
    answer = APIClient().post("/api/user/login", {"username": "family", "password": PASSWORD}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_unknown_path_below_api_is_a_problem_too():
    client = APIClient(enforce_csrf_checks=True)
    for ask in (client.get, client.post, client.delete):
        answer = ask("/api/nothing/here")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
