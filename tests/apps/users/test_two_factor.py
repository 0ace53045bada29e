from datetime import timedelta
from io import StringIO

import pyotp
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.users.models import RecoveryCode, TwoFactor, User
from apps.users.scopes import Scope
from apps.users.services import two_factor
from tests.apps.api import PASSWORD, bearer, get, logged_in, tokens_of, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def code_of(secret: str, *, ago: float = 0) -> str:
    return pyotp.TOTP(secret).at(now() - timedelta(seconds=ago))


def set_up(owner: User) -> tuple[str, list[str]]:
    """Its secret and its recovery codes; this moment's code is spent, that of thirty seconds ago with it."""
    secret = two_factor.begin(owner, now=now())
    return secret, two_factor.confirm(owner, code_of(secret), now=now())


def forget_steps() -> None:
    """As if half a minute had passed."""
    TwoFactor.objects.update(last_step=0)


def log_in(code: str | None = None, password: str = PASSWORD):
    body = {"username": "family", "password": password} | ({"code": code} if code is not None else {})
    return APIClient().post("/api/user/login", body, format="json")


def post(client: APIClient, path: str, **body: str):
    return client.post(f"/api/user/two-factor{path}", body, format="json")


def test_a_user_sets_it_up_with_password_and_first_code_and_is_told_ten_recovery_codes_once():
    client = logged_in()
    assert get(client, "/api/user/two-factor") == {"enabled": False, "required": False, "recovery_codes_left": 0}
    assert list(post(client, "", current_password="wrong").json()["errors"]) == ["current_password"]
    begun = post(client, "", current_password=PASSWORD).json()
    assert begun["uri"].startswith("otpauth://totp/AlphaPulse:family?secret=")
    assert get(client, "/api/user/two-factor")["enabled"] is False
    assert post(client, "/confirm", code="000000").status_code == 409
    done = post(client, "/confirm", code=code_of(begun["secret"]))
    assert len(set(done.json()["recovery_codes"])) == 10
    assert get(client, "/api/user/two-factor") == {"enabled": True, "required": False, "recovery_codes_left": 10}
    assert post(client, "", current_password=PASSWORD).status_code == 409


def test_neither_the_secret_nor_a_recovery_code_is_kept_as_it_is():
    secret, codes = set_up(user())
    kept = [TwoFactor.objects.values().get(), *RecoveryCode.objects.values(), *AuditEntry.objects.values()]
    assert secret not in str(kept)
    assert not any(code in str(kept) for code in codes)


def test_the_password_alone_opens_nothing_any_more():
    secret, _ = set_up(user())
    wanted = log_in()
    assert (wanted.status_code, wanted.json()["code"]) == (401, "two_factor_wanted")
    forget_steps()
    assert log_in(code_of(secret), password="wrong").json()["code"] == "no_active_account"
    wrong = log_in("000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "two_factor_refused")
    assert set(log_in(code_of(secret)).json()) == {"access", "refresh"}


def test_no_code_is_good_twice_and_none_but_of_about_now():
    secret, _ = set_up(user())
    assert log_in(code_of(secret)).status_code == 401
    forget_steps()
    assert log_in(code_of(secret, ago=90)).status_code == 401
    assert log_in(code_of(secret)).status_code == 200
    assert log_in(code_of(secret)).status_code == 401


def test_a_phone_whose_clock_is_half_a_minute_off_is_good_enough():
    secret, _ = set_up(user())
    forget_steps()
    assert log_in(code_of(secret, ago=30)).status_code == 200


def test_a_recovery_code_is_good_once_and_audited():
    _, codes = set_up(user())
    assert log_in(codes[0].upper()).status_code == 200
    assert log_in(codes[0]).status_code == 401
    assert log_in(f" {codes[1]} ").status_code == 200
    assert AuditEntry.objects.filter(action="two_factor.recovery_code_used").count() == 2


def test_codes_are_guessed_no_longer_than_passwords():
    secret, _ = set_up(user())
    assert [log_in(f"{n:06}").status_code for n in range(5)] == [401] * 5
    forget_steps()
    assert log_in(code_of(secret)).json()["code"] == "locked_out"


def test_who_has_the_password_alone_gets_no_codes_anew_by_leaving_one_out():
    secret, _ = set_up(user())
    for n in range(5):
        assert log_in(f"{n:06}").json()["code"] == "two_factor_refused"
        if n < 4:
            assert log_in().json()["code"] == "two_factor_wanted"
    forget_steps()
    assert log_in(code_of(secret)).json()["code"] == "locked_out"


def test_new_recovery_codes_take_password_and_code_and_end_the_old():
    client = logged_in()
    _, codes = set_up(user())
    answer = post(client, "/recovery-codes", current_password=PASSWORD, code=codes[0])
    assert len(answer.json()["recovery_codes"]) == 10
    assert log_in(codes[1]).status_code == 401
    assert log_in(answer.json()["recovery_codes"][0]).status_code == 200


def test_it_is_disabled_with_password_and_code_but_not_by_staff(settings):
    settings.STAFF_TWO_FACTOR = True
    client = logged_in()
    _, codes = set_up(user())
    wrong = post(client, "/disable", current_password=PASSWORD, code="000000")
    assert list(wrong.json()["errors"]) == ["code"]
    User.objects.update(is_staff=True)
    assert post(client, "/disable", current_password=PASSWORD, code=codes[0]).status_code == 409
    User.objects.update(is_staff=False)
    assert post(client, "/disable", current_password=PASSWORD, code=codes[1]).status_code == 204
    assert log_in().status_code == 200


def test_staff_without_it_may_set_it_up_and_nothing_else(settings):
    settings.STAFF_TWO_FACTOR = True
    owner = user()
    User.objects.update(is_staff=True)
    tokens = log_in().json()
    client = bearer(tokens["access"])
    assert get(client, "/api/user/two-factor")["required"] is True
    assert client.get("/api/exchange/balance").json()["code"] == "scope_missing"
    begun = post(client, "", current_password=PASSWORD).json()
    assert post(client, "/confirm", code=code_of(begun["secret"])).status_code == 200
    again = APIClient().post("/api/user/refresh", {"refresh": tokens["refresh"]}, format="json").json()
    get(bearer(again["access"]), "/api/exchange/balance")
    owner.refresh_from_db()
    assert Scope.SYSTEM_OPS in two_factor.scopes_open_to(owner)


def test_the_admin_wants_the_code_too(settings):
    settings.STAFF_TWO_FACTOR = True
    boss = User.objects.create_superuser("boss", password=PASSWORD)

    def enter(code: str = ""):
        return Client().post("/admin/login/", {"username": "boss", "password": PASSWORD, "code": code})

    assert "Set up two-factor first" in enter().content.decode()
    secret, codes = set_up(boss)
    assert "is wanted: each is good once" in enter().content.decode()
    assert "is wanted: each is good once" in enter("000000").content.decode()
    forget_steps()
    assert enter(code_of(secret)).status_code == 302
    assert enter(codes[0]).status_code == 302


def test_ops_set_it_up_and_take_it_away_at_the_console(monkeypatch):
    user()
    told = StringIO()

    def answer(_question: str) -> str:
        return code_of(told.getvalue().split("authenticator: ")[1].split()[0])

    monkeypatch.setattr("builtins.input", answer)
    call_command("two_factor", "family", stdout=told)
    recovery = told.getvalue().splitlines()[-1].strip()
    assert log_in(recovery).status_code == 200
    with pytest.raises(CommandError, match="enabled already"):
        call_command("two_factor", "family", stdout=told)
    call_command("two_factor", "family", disable=True, stdout=told)
    assert log_in().status_code == 200
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("two_factor", "nobody")


def test_a_session_of_before_it_was_set_up_stays_but_makes_none_without_a_code():
    tokens = tokens_of(user())
    set_up(user())
    get(bearer(tokens.access), "/api/user/profile")
    assert log_in().status_code == 401
