"""Whatever staff do in the admin leaves an entry: each save, each deletion, each action of each page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client

from apps.audit.admin import AuditedAdmin
from apps.audit.models import AuditEntry, AuditSeal
from apps.audit.services import chain, record
from apps.core.clock import now
from apps.exchanges import keys
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.ledger.models import HistoryCursor
from apps.market.models import Asset, AssetAlias, Feature, WatchedSymbol
from apps.sync import tasks
from apps.sync.models import SyncState
from apps.users.models import ApiToken, LoginFailures, Membership, Session, User, UserSettings, Workspace
from tests.apps import builders
from tests.apps.api import tokens_of, user
from tests.apps.audit.test_coverage import REPORT
from tests.apps.pages import act, add_url, delete_url, list_url, page_url

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ADDRESS = "192.0.2.45"


@pytest.fixture
def ops(monkeypatch) -> Client:
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    monkeypatch.setattr(tasks.resync, "delay", lambda **_: None)
    client = Client(REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT="a browser")
    client.force_login(User.objects.create_superuser("ops", password="ops"))
    return client


def told(action: str) -> AuditEntry:
    """The newest entry of that action, by ops, from their address."""
    entry = AuditEntry.objects.filter(action=action).latest("pk")
    assert (entry.actor_name, entry.address, entry.user_agent) == ("ops", ADDRESS, "a browser")
    assert entry.opened_by.startswith("cookie.")
    assert entry.via.startswith("POST /admin/")
    return entry


# --- Saves and deletions ------------------------------------------------------------------------------------------

BY_SERVICES = {ExchangeAccount, SyncState}  # whose saves are services' deeds


def test_every_page_that_saves_or_deletes_writes_it_down_or_has_services_that_do(rf):
    request = rf.get("/admin/")
    request.user = User.objects.create_superuser("ops", password="ops")
    for model, page in admin.site._registry.items():
        may = page.has_add_permission(request) or page.has_change_permission(request)
        if may or page.has_delete_permission(request):
            assert isinstance(page, AuditedAdmin) or model in BY_SERVICES, model


def test_a_workspace_made_changed_and_deleted(ops):
    none = {f"memberships-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL")}
    ops.post(add_url(Workspace), {"name": "office"} | none)
    assert told("workspace.created").after == {"name": "office"}
    row = Workspace.objects.get(name="office")
    ops.post(page_url(row), {"name": "bureau"} | none)
    entry = told("workspace.changed")
    assert (entry.before, entry.after, entry.workspace_id) == ({"name": "office"}, {"name": "bureau"}, row.pk)
    ops.post(delete_url(row), {"post": "yes"})
    assert told("workspace.deleted").before == {"name": "bureau"}


def test_a_user_made_changed_and_deleted_and_no_password_is_told(ops):
    ops.post(add_url(User), {"username": "anna", "password1": "bat-staple-9", "password2": "bat-staple-9"})
    anna = User.objects.get(username="anna")
    entry = told("user.created")
    assert (entry.target, entry.after["username"], entry.after["password"]) == (
        f"user:{anna.pk}",
        "anna",
        "(not shown)",
    )
    staff = Group.objects.create(name="staff")
    form = {"username": "anna", "is_active": "on", "is_staff": "on", "groups": [staff.pk]}
    form |= {"date_joined_0": "2026-11-21", "date_joined_1": "12:00:00"}
    form |= {f"memberships-{name}_FORMS": 0 for name in ("TOTAL", "INITIAL")}
    answer = ops.post(page_url(anna), form)
    assert answer.status_code == 302, answer.context["errors"]
    entry = told("user.changed")
    assert (entry.before["is_staff"], entry.after["is_staff"]) == (False, True)
    assert (entry.before["groups"], entry.after["groups"]) == ([], ["staff"])
    ops.post(delete_url(anna), {"post": "yes"})
    assert told("user.deleted").before["username"] == "anna"
    assert "bat-staple" not in str(list(AuditEntry.objects.values()))


def test_a_password_set_for_somebody(ops):
    anna = user("anna")
    page = page_url(anna).replace("/change/", "/password/")
    answer = ops.post(page, {"password1": "bat-staple-9", "password2": "bat-staple-9", "usable_password": "true"})
    assert answer.status_code == 302
    assert told("user.password_changed").target == f"user:{anna.pk}"
    assert "password" in told("user.changed").details["said"]


def test_a_role_changed_in_the_list_and_a_membership_deleted_by_the_action(ops):
    anna, family = user("anna"), builders.workspace()
    row = Membership.objects.create(workspace=family, user=anna, role="viewer")
    rows = list(Membership.objects.order_by("workspace__name", "user__username"))
    form: dict[str, Any] = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for number, each in enumerate(rows):
        form |= {f"form-{number}-id": each.pk, f"form-{number}-role": "admin"}
    assert ops.post(list_url(Membership), form).status_code == 302
    entry = told("membership.changed")
    assert (entry.before, entry.after, entry.workspace_id) == ({"role": "viewer"}, {"role": "admin"}, family.pk)
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    ops.post(list_url(Membership), chosen)
    assert told("membership.deleted").before["role"] == "admin"


def test_settings_and_groups(ops):
    mine = UserSettings.objects.create(user=user())
    form = {"user": mine.user_id, "base_currency": "CHF", "time_zone": "UTC", "number_format": mine.number_format}
    assert ops.post(page_url(mine), form).status_code == 302
    entry = told("usersettings.changed")
    assert (entry.before, entry.after) == ({"base_currency": "USD"}, {"base_currency": "CHF"})
    ops.post(add_url(Group), {"name": "staff"})
    assert told("group.created").after == {"name": "staff", "permissions": []}


def test_what_valuations_go_by(ops):
    ops.post(add_url(Asset), {"code": "ABC", "name": "A coin", "kind": "coin"})
    assert told("asset.created").after == {"code": "ABC", "name": "A coin", "kind": "coin", "pegged_to": ""}
    coin = Asset.objects.get(code="ABC")
    form = {"exchange_id": "binance", "code": "OLDABC", "asset": coin.pk, "multiplier": "1"}
    form |= {f"valid_{end}_{part}": "" for end in ("from", "to") for part in (0, 1)}
    assert ops.post(add_url(AssetAlias), form).status_code == 302
    alias = AssetAlias.objects.get(code="OLDABC")
    assert ops.post(page_url(alias), form | {"multiplier": "1000"}).status_code == 302
    entry = told("assetalias.changed")
    assert (entry.target, entry.before["multiplier"], entry.after["multiplier"]) == (
        f"assetalias:{alias.pk}",
        "1",
        "1000",
    )
    assert list(entry.after) == ["multiplier"]
    ops.post(delete_url(alias), {"post": "yes"})
    assert told("assetalias.deleted").before["code"] == "OLDABC"


def test_a_symbol_pinned_and_let_go(ops):
    form = {"exchange_id": "binance", "environment": "sandbox", "symbol": "BTC/USDT", "timeframe": "1h"}
    assert ops.post(add_url(WatchedSymbol), form).status_code == 302
    assert told("watchedsymbol.created").after == form | {"source": "pinned"}
    ops.post(delete_url(WatchedSymbol.objects.get()), {"post": "yes"})
    assert told("watchedsymbol.deleted").before == form | {"source": "pinned"}


def test_a_feature_defined_and_defined_anew(ops):
    form = {"name": "calm", "function": "volatility", "parameters": '{"window": 5}', "timeframe": "1h"}
    assert ops.post(add_url(Feature), form | {"is_active": "on"}).status_code == 302
    row = Feature.objects.get()
    entry = told("feature.created")
    assert (entry.target, entry.after["parameters"]) == (f"feature:{row.pk}", {"window": 5})
    assert ops.post(page_url(row), form | {"parameters": '{"window": 7}', "is_active": "on"}).status_code == 302
    entry = told("feature.changed")
    assert (entry.before, entry.after) == ({"parameters": {"window": 5}}, {"parameters": {"window": 7}})


def test_a_save_that_changes_nothing_leaves_nothing(ops):
    group = Group.objects.create(name="staff")
    ops.post(page_url(group), {"name": "staff"})
    assert not AuditEntry.objects.filter(action="group.changed").exists()


def test_entries_and_seals_can_be_neither_made_nor_changed_nor_deleted_there(ops):
    entry = record("account.changed", builders.account(), at=builders.NOON)
    seal = chain.seal(at=builders.NOON)
    for row in (entry, seal):
        for url in (add_url(type(row)), page_url(row), delete_url(row)):
            assert ops.post(url, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    ops.post(list_url(AuditEntry), chosen)
    assert AuditEntry.objects.filter(pk=entry.pk).exists()
    assert AuditSeal.objects.count() == 1


# --- Actions ------------------------------------------------------------------------------------------------------


def _account() -> ExchangeAccount:
    return builders.account()


def _disabled() -> ExchangeAccount:
    return builders.account(is_enabled=False, disabled_reason="holidays")


def _state() -> SyncState:
    return builders.state(builders.account())


def _state_with_trouble() -> SyncState:
    _health()
    return _state()


def _health() -> ExchangeHealth:
    return ExchangeHealth.objects.create(
        exchange_id="binance", environment="sandbox", failures=5, opened_at=now(), changed_at=now(), error="502"
    )


def _session() -> Session:
    tokens_of(user())
    return Session.objects.latest("pk")


def _token() -> ApiToken:
    until = builders.later(10**8)
    return ApiToken.objects.create(user=user(), name="script", prefix="abc", created_at=now(), expires_at=until)


def _failures() -> LoginFailures:
    return LoginFailures.objects.create(key="k", what="family from 192.0.2.1", attempts=5, since=now())


def _cursor() -> HistoryCursor:
    at = now()
    return HistoryCursor.objects.create(
        account=builders.account(),
        kind="trades",
        source="spot",
        symbol="BTC/USDT",
        start_at=at,
        reached_at=at,
        due_at=at,
    )


# Model, action -> how a row comes to be, what is written down, and some of what was before and after.
ACTIONS: dict[tuple[type[Model], str], tuple[Callable[[], Model], str, dict[str, Any], dict[str, Any]]] = {
    (ExchangeAccount, "resync_now"): (_account, "sync.asked", {}, {}),
    (ExchangeAccount, "check_keys"): (_account, "account.key_checked", {"permissions": {}}, {}),
    (ExchangeAccount, "disable"): (_account, "account.disabled", {"is_enabled": True}, {"is_enabled": False}),
    (ExchangeAccount, "enable"): (_disabled, "account.enabled", {"reason": "holidays"}, {"is_enabled": True}),
    (ExchangeHealth, "reset_breaker"): (_health, "breaker.reset", {"failures": 5}, {"failures": 0, "error": ""}),
    (SyncState, "resync_now"): (_state, "sync.asked", {}, {}),
    (SyncState, "reset_breaker"): (_state_with_trouble, "breaker.reset", {"error": "502"}, {"state": "closed"}),
    (SyncState, "disable_accounts"): (_state, "account.disabled", {"is_enabled": True}, {"is_enabled": False}),
    (HistoryCursor, "read_again"): (_cursor, "history.read_again", {}, {}),
    (LoginFailures, "forget"): (_failures, "login.lock_forgotten", {"attempts": 5}, {}),
    (Session, "end"): (_session, "session.ended", {}, {}),
    (ApiToken, "revoke"): (_token, "api_token.revoked", {"name": "script"}, {}),
}


@pytest.mark.parametrize(("model", "action"), ACTIONS, ids=lambda each: getattr(each, "__name__", each))
def test_an_action_leaves_an_entry_of_who_chose_it(ops, model, action):
    make, wanted, before, after = ACTIONS[model, action]
    act(ops, model, action, make())
    entry = told(wanted)
    assert {name: (entry.before or {})[name] for name in before} == before
    assert {name: (entry.after or {})[name] for name in after} == after


def test_every_action_of_every_page_is_in_the_table():
    pages = {(model, page) for model, page in admin.site._registry.items() if model.__module__.startswith("apps.")}
    there_are = {(model, action) for model, page in pages for action in page.actions or ()}
    assert there_are == set(ACTIONS)
