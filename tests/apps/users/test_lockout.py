from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.users.models import LoginFailures, User
from apps.users.services import lockout
from apps.users.services.lockout import LockedOut
from tests.apps.api import PASSWORD, bearer, log_in, tokens_of, user
from tests.apps.builders import audited
from tests.apps.pages import act, list_url, logged_in, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def guess(password: str = "wrong", name: str = "family", address: str = "192.0.2.7"):
    body = {"username": name, "password": password}
    return APIClient(REMOTE_ADDR=address).post("/api/user/login", body, format="json")


def actions() -> list[str]:
    return list(audited().order_by("pk").values_list("action", flat=True))


@pytest.mark.parametrize("name", ["family", "nobody"])
def test_five_failures_lock_a_name_from_an_address_whether_there_is_such_a_user_or_not(name):
    user()
    assert [guess(name=name).status_code for _ in range(5)] == [401] * 5
    answer = guess(PASSWORD, name=name)
    assert (answer.status_code, answer.json()["code"]) == (429, "locked_out")
    assert 0 < int(answer["Retry-After"]) <= 300
    assert actions() == ["login.failed"] * 5 + ["login.locked_out"]


def test_the_owner_gets_in_from_elsewhere_meanwhile_and_others_from_there():
    user()
    user("neighbours")
    for _ in range(6):
        guess()
    assert guess(PASSWORD, address="192.0.2.8").status_code == 200
    assert guess(PASSWORD, name="neighbours").status_code == 200


def test_a_lock_ends_by_itself_and_a_good_login_forgets_the_failures():
    user()
    for _ in range(6):
        guess()
    LoginFailures.objects.exclude(locked_until=None).update(locked_until=now() - timedelta(seconds=1))
    assert guess(PASSWORD).status_code == 200
    assert [guess().status_code for _ in range(4)] == [401] * 4
    assert guess(PASSWORD).status_code == 200


def test_failures_long_ago_do_not_count():
    user()
    for _ in range(4):
        guess()
    LoginFailures.objects.update(since=now() - timedelta(minutes=16))
    assert [guess().status_code for _ in range(4)] == [401] * 4


def test_an_address_that_tries_many_names_is_locked_for_all_of_them():
    user()
    for n in range(lockout.ADDRESS.most):
        lockout.begin(f"name {n}", "192.0.2.7", now=now()).fail(now())
    with pytest.raises(LockedOut):
        lockout.begin("family", "192.0.2.7", now=now())
    lockout.begin("family", "192.0.2.8", now=now()).succeed()


def test_a_name_that_is_tried_from_everywhere_is_locked_at_last_but_not_by_one_address():
    user()
    for _ in range(200):
        try:
            lockout.begin("family", "192.0.2.7", now=now()).fail(now())
        except LockedOut:
            continue
    lockout.begin("family", "192.0.2.8", now=now()).succeed()
    for n in range(lockout.NAME.most):
        try:
            lockout.begin("family", f"198.51.100.{n}", now=now()).fail(now())
        except LockedOut:
            break
    with pytest.raises(LockedOut):
        lockout.begin("family", "203.0.113.1", now=now())


def test_all_addresses_of_an_ipv6_network_are_one():
    for n in range(5):
        lockout.begin("family", f"2001:db8::{n}", now=now()).fail(now())
    with pytest.raises(LockedOut):
        lockout.begin("family", "2001:db8::ffff", now=now())
    lockout.begin("family", "2001:db8:1::1", now=now())


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_moment_are_all_counted():
    gate, passed = Barrier(12), []

    def one() -> None:
        gate.wait(20)
        try:
            passed.append(lockout.begin("family", "192.0.2.7", now=now()))
        except LockedOut:
            pass
        finally:
            connection.close()

    threads = [Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(passed) == lockout.PAIR.most


@pytest.mark.django_db(transaction=True)
def test_good_logins_at_the_same_moment_neither_fail_nor_hang():
    gate, passed = Barrier(4), []

    def many() -> None:
        gate.wait(20)
        try:
            for _ in range(15):
                lockout.begin("family", "192.0.2.7", now=now()).succeed()
                passed.append(True)
        finally:
            connection.close()

    threads = [Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(passed) == 60
    assert not LoginFailures.objects.filter(attempts__gt=0).exists()


def test_ipv4_over_a_server_of_both_kinds_is_no_network_of_ipv6():
    user()
    for _ in range(6):
        guess(address="::ffff:192.0.2.7")
    assert guess(PASSWORD, address="192.0.2.7").status_code == 429
    assert guess(PASSWORD, address="::ffff:198.51.100.1").status_code == 200


def test_what_was_typed_instead_of_a_name_is_kept_nowhere():
    guess(name="my-secret-password")
    told = str(list(LoginFailures.objects.values())) + str(list(AuditEntry.objects.values()))
    assert "my-secret-password" not in told


def test_who_guesses_the_password_with_a_stolen_token_is_stopped_too():
    tokens = tokens_of(user())
    body = {"current_password": "wrong", "new_password": "staple battery correct"}
    answers = [bearer(tokens.access).post("/api/user/password", body, format="json") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429]


def test_the_admins_login_is_guarded_by_the_same_locks_and_ops_can_forget_them():
    User.objects.create_superuser("boss", password=PASSWORD)
    browser = Client(REMOTE_ADDR="192.0.2.7")
    form = {"username": "boss", "password": "wrong"}
    pages = [browser.post("/admin/login/", form).content.decode() for _ in range(6)]
    assert "Too many failed attempts: try again in" in pages[-1]
    assert "Too many" not in pages[-2]
    assert guess(PASSWORD, name="boss").status_code == 429
    ops = logged_in()
    assert "boss from 192.0.2.7" in text_of(ops, list_url(LoginFailures))
    act(ops, LoginFailures, "forget", *LoginFailures.objects.all())
    assert browser.post("/admin/login/", form | {"password": PASSWORD}).status_code == 302
    assert actions()[-1] == "admin.entered"


def test_old_failures_are_pruned():
    guess()
    LoginFailures.objects.update(since=now() - timedelta(days=2))
    lockout.prune(now())
    assert not LoginFailures.objects.exists()


def test_a_good_login_leaves_no_failure():
    log_in(user())
    assert not LoginFailures.objects.filter(attempts__gt=0).exists()
