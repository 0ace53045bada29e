import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from config import settings as production
from tests.apps.api import PASSWORD, bearer, log_in, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

NEW = "staple battery correct"


def change(access: str, current: str = PASSWORD, new: str = NEW):
    body = {"current_password": current, "new_password": new}
    return bearer(access).post("/api/user/password", body, format="json")


def test_a_new_password_ends_all_sessions_and_begins_one_for_who_changed_it():
    owner = user()
    here, elsewhere = log_in(owner), log_in(owner)
    answer = change(here["access"])
    assert answer.status_code == 200
    opened = [
        bearer(token).get("/api/user/profile").status_code
        for token in (here["access"], elsewhere["access"], answer.json()["access"])
    ]
    assert opened == [401, 401, 200]
    login = {"username": "family", "password": NEW}
    assert APIClient().post("/api/user/login", login, format="json").status_code == 200
    assert AuditEntry.objects.filter(action="user.password_changed", actor=owner).exists()


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW, "current_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "password", "new_password"),
        (PASSWORD, "family12", "new_password"),
        (PASSWORD, "", "new_password"),
        (PASSWORD, "x" * 1001, "new_password"),
    ],
)
def test_what_is_no_password_of_mine_or_no_good_one_is_told_and_changes_nothing(current, new, field):
    tokens = log_in(user())
    answer = change(tokens["access"], current, new)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(answer.json()["errors"]) == [field]
    assert bearer(tokens["access"]).get("/api/user/profile").status_code == 200


def test_passwords_are_kept_as_argon2id_above_owasps_minimum(settings):
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS
    kept = make_password(PASSWORD)
    assert kept.startswith("argon2$argon2id$v=19$m=19456,t=3,p=1$")
    assert check_password(PASSWORD, kept)
    assert not identify_hasher(kept).must_update(kept)


def test_what_an_earlier_version_kept_still_opens_and_is_hashed_anew_at_the_next_login(settings):
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS[::-1]
    owner = user()
    assert owner.password.startswith("pbkdf2_sha256$")
    settings.PASSWORD_HASHERS = production.PASSWORD_HASHERS
    assert set(log_in(owner)) == {"access", "refresh"}
    owner.refresh_from_db()
    assert owner.password.startswith("argon2$")
