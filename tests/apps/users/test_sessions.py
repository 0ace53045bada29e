from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.core.visitors import Visitor
from apps.users import signals
from apps.users.models import Session, User
from apps.users.services import sessions
from apps.users.services.pruning import prune
from apps.users.tokens import TokenRefused, Tokens
from tests.apps.api import PASSWORD, bearer, get, log_in, logged_in, tokens_of, user

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

HERE = Visitor(address="192.0.2.7", user_agent="a tab")


def refresh(raw: str, *, ago: float = 0) -> Tokens:
    return sessions.refresh(raw, visitor=HERE, now=now() - timedelta(seconds=ago))


def opens(access: str) -> bool:
    answer = bearer(access).get("/api/user/profile")
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


def why_ended() -> list[str]:
    return list(Session.objects.order_by("pk").values_list("ended_why", flat=True))


def test_a_refresh_token_gives_the_next_pair_and_both_access_tokens_open_the_door():
    first = log_in(user())
    answer = APIClient().post("/api/user/refresh", {"refresh": first["refresh"]}, format="json")
    assert answer.status_code == 200
    assert answer.json()["refresh"] != first["refresh"]
    assert opens(first["access"])
    assert opens(answer.json()["access"])


def test_each_refresh_token_of_a_long_chain_is_good_once():
    tokens = tokens_of(user(), ago=1500)
    for step in range(5):
        tokens = refresh(tokens.refresh, ago=1200 - step * 300)
    assert opens(tokens.access)
    assert Session.objects.get().generation == 5


def test_parallel_tabs_that_show_the_same_token_are_given_the_same_next_one():
    shown = tokens_of(user(), ago=300).refresh
    first, second, late = refresh(shown, ago=20), refresh(shown, ago=19), refresh(shown, ago=11)
    assert first.refresh == second.refresh == late.refresh
    assert opens(late.access)
    assert refresh(first.refresh).refresh != first.refresh


def test_a_tab_that_comes_two_steps_late_within_the_grace_is_not_a_thief():
    shown = tokens_of(user(), ago=300).refresh
    second = refresh(shown, ago=5)
    refresh(second.refresh, ago=4)
    assert refresh(shown, ago=3).refresh == second.refresh
    assert why_ended() == [""]


@pytest.mark.parametrize("is_thief_first", [True, False])
def test_a_token_shown_again_after_the_grace_ends_the_session_for_thief_and_owner(is_thief_first):
    stolen = tokens_of(user(), ago=300).refresh
    good = refresh(stolen, ago=20)
    if not is_thief_first:
        good = refresh(good.refresh, ago=15)
    with pytest.raises(TokenRefused, match="used before"):
        refresh(stolen, ago=9)
    assert why_ended() == ["refresh token used twice"]
    assert not opens(good.access)
    with pytest.raises(TokenRefused, match="has ended"):
        refresh(good.refresh)
    entry = AuditEntry.objects.get(action="session.ended")
    assert (entry.details, entry.address) == ({"why": "refresh token used twice"}, "192.0.2.7")


def test_another_session_of_the_same_user_outlives_a_theft():
    owner = user()
    stolen, other = tokens_of(owner, ago=300).refresh, tokens_of(owner)
    refresh(stolen, ago=11)
    with pytest.raises(TokenRefused):
        refresh(stolen)
    assert opens(other.access)


@pytest.mark.django_db(transaction=True)
def test_tabs_that_refresh_at_the_same_moment_all_go_on():
    shown = tokens_of(user()).refresh
    gate, given = Barrier(4), []

    def tab() -> None:
        gate.wait(20)
        given.append(refresh(shown).refresh)
        connection.close()

    tabs = [Thread(target=tab) for _ in range(4)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join(60)
    assert len(given) == 4
    assert len(set(given)) == 1
    assert (why_ended(), Session.objects.get().generation) == ([""], 1)


def test_access_lasts_five_minutes_a_refresh_token_a_day_and_a_session_thirty():
    tokens = log_in(user())
    access, long = AccessToken(tokens["access"]), RefreshToken(tokens["refresh"])
    assert (access["exp"] - access["iat"], long["exp"] - long["iat"]) == (300, 86400)
    Session.objects.update(created_at=now() - timedelta(days=29, hours=20))
    last = RefreshToken(refresh(tokens["refresh"]).refresh)
    assert last["exp"] - last["iat"] == pytest.approx(4 * 3600, abs=60)


def test_tokens_say_neither_name_nor_password():
    tokens = log_in(user())
    common = {"token_type", "exp", "iat", "jti", "user_id", "sid"}
    assert set(AccessToken(tokens["access"]).payload) == common | {"scope"}
    assert set(RefreshToken(tokens["refresh"]).payload) == common | {"gen"}


def test_who_logs_out_is_out_at_once_and_other_sessions_stay():
    owner = user()
    mine, other = log_in(owner), log_in(owner)
    assert bearer(mine["access"]).post("/api/user/logout", {}, format="json").status_code == 204
    answer = bearer(mine["access"]).get("/api/user/profile")
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    assert APIClient().post("/api/user/refresh", {"refresh": mine["refresh"]}, format="json").status_code == 401
    assert opens(other["access"])


def test_who_logs_out_everywhere_is_out_of_all_sessions_but_nobody_elses():
    owner = user()
    mine, other, neighbour = log_in(owner), log_in(owner), log_in(user("neighbours"))
    assert bearer(mine["access"]).post("/api/user/logout", {"everywhere": True}, format="json").status_code == 204
    assert [opens(each["access"]) for each in (mine, other, neighbour)] == [False, False, True]
    assert AuditEntry.objects.get(action="user.logged_out_everywhere").details == {"sessions": 2}


def test_the_end_of_sessions_is_announced_on_commit_with_ids_alone(django_capture_on_commit_callbacks):
    owner, heard = user(), []
    tokens_of(owner)
    tokens_of(owner)
    listen = lambda session_ids, **_: heard.append(session_ids)  # noqa: E731
    signals.session_ended.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            owner.sessions.all().end(why="revoked", at=now())
            assert heard == []
            owner.sessions.all().end(why="revoked", at=now())
    finally:
        signals.session_ended.disconnect(listen)
    assert [sorted(ids) for ids in heard] == [sorted(Session.objects.values_list("pk", flat=True))]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda u: u.set_password("another horse"), "password changed"),
        (lambda u: u.set_unusable_password(), "password changed"),
        (lambda u: setattr(u, "is_active", False), "user deactivated"),
    ],
)
def test_whatever_writes_a_new_password_or_deactivates_ends_all_sessions(change, why):
    owner = user()
    tokens = [tokens_of(owner), tokens_of(owner)]
    change(owner)
    owner.save()
    assert why_ended() == [why, why]
    assert not any(opens(each.access) for each in tokens)
    for each in tokens:
        with pytest.raises(TokenRefused):
            refresh(each.refresh)


def test_a_password_that_is_only_hashed_anew_ends_nothing(settings):
    owner = user()
    tokens = tokens_of(owner)
    settings.PASSWORD_HASHERS = ["apps.users.hashers.Argon2", *settings.PASSWORD_HASHERS]
    assert owner.check_password(PASSWORD)
    owner.refresh_from_db()
    assert owner.password.startswith("argon2$argon2id$")
    assert opens(tokens.access)


def test_other_changes_of_a_user_end_nothing():
    owner = user()
    tokens = tokens_of(owner)
    owner.email = "family@example.org"
    owner.save()
    assert opens(tokens.access)


def test_a_password_changed_while_somebody_logs_in_with_the_old_one_lets_nobody_in():
    proved = User.objects.get(pk=user().pk)
    owner = User.objects.get(pk=proved.pk)
    owner.set_password("another horse")
    owner.save()
    with pytest.raises(sessions.LoginRefused):
        sessions.open_session(proved, visitor=HERE, now=now())


def test_a_login_is_audited_with_its_user():
    log_in(user())
    entry = AuditEntry.objects.get(action="session.started")
    assert (entry.actor.username, entry.target) == ("family", f"session:{Session.objects.get().pk}")


def test_i_see_where_i_am_logged_in_and_nobody_elses():
    owner = user()
    tokens_of(owner)
    tokens_of(user("neighbours"))
    client = logged_in()
    answer = get(client, "/api/user/sessions")
    here, elsewhere = answer["results"]
    assert (here["is_current"], elsewhere["is_current"]) == (True, False)
    assert (elsewhere["address"], elsewhere["user_agent"]) == ("192.0.2.1", "a test")
    assert (answer["next"], answer["previous"]) == (None, None)


def test_i_can_end_a_session_of_mine_and_only_of_mine():
    owner = user()
    lost = tokens_of(owner)
    mine = Session.objects.get().pk
    theirs = Session.objects.exclude(pk=mine).values_list("pk", flat=True)
    client = logged_in()
    neighbour = tokens_of(user("neighbours"))
    assert client.delete(f"/api/user/sessions/{mine}").status_code == 204
    assert not opens(lost.access)
    assert client.delete(f"/api/user/sessions/{mine}").status_code == 404
    assert client.delete(f"/api/user/sessions/{theirs.last()}").status_code == 404
    assert client.delete(f"/api/user/sessions/{2**70}").status_code == 404
    assert opens(neighbour.access)


def test_an_ended_session_is_listed_no_more():
    owner = user()
    bearer(tokens_of(owner).access).post("/api/user/logout", {}, format="json")
    tokens_of(owner)
    Session.objects.filter(ended_at=None).update(expires_at=now() - timedelta(seconds=1))
    assert len(get(logged_in(), "/api/user/sessions")["results"]) == 1


def test_who_says_where_they_come_from_is_not_believed_without_a_declared_proxy(settings):
    user()
    body = {"username": "family", "password": PASSWORD}
    visitor = {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 198.51.100.2", "REMOTE_ADDR": "203.0.113.5"}
    for is_behind, seen in ((False, "203.0.113.5"), (True, "198.51.100.2")):
        settings.BEHIND_PROXY = is_behind
        APIClient().post("/api/user/login", body, format="json", **visitor)
        assert Session.objects.latest("pk").address == seen


def test_what_is_no_address_and_no_name_of_a_browser_is_left_out(settings):
    user()
    settings.BEHIND_PROXY = True
    visitor = {"HTTP_X_FORWARDED_FOR": "'; DROP TABLE", "REMOTE_ADDR": "", "HTTP_USER_AGENT": "a\0b\n" + "x" * 1000}
    body = {"username": "family", "password": PASSWORD}
    assert APIClient().post("/api/user/login", body, format="json", **visitor).status_code == 200
    session = Session.objects.get()
    assert (session.address, session.user_agent[:3], len(session.user_agent)) == (None, "abx", 300)


def test_a_request_costs_one_query_to_know_who_asks(django_assert_num_queries):
    client = logged_in()
    with django_assert_num_queries(3):  # the session with its user, the memberships, the settings
        get(client, "/api/user/profile")


def test_sessions_long_over_are_pruned_and_live_ones_are_not():
    owner = user()
    for _ in range(3):
        tokens_of(owner)
    long_ago = now() - timedelta(days=31)
    ended, expired, live = Session.objects.order_by("pk")
    Session.objects.filter(pk=ended.pk).update(ended_at=long_ago)
    Session.objects.filter(pk=expired.pk).update(expires_at=long_ago)
    assert prune(now()) == 2
    assert Session.objects.get() == live
