from threading import BoundedSemaphore

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alphapulse.types import KeyReport
from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.exchanges import keys
from apps.exchanges.api import accounts
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import AccountGroup, ExchangeAccount
from apps.exchanges.services import archive_account
from apps.ledger.models import WalletReading
from apps.sync.models import SyncState
from apps.users.models import Membership
from tests.apps.api import get, logged_in, user
from tests.apps.builders import account, workspace
from tests.apps.pages import balance_of, reading_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

REPORT = KeyReport(
    wallets=("spot",),
    wallets_not_permitted=(),
    can_trade=True,
    can_withdraw=False,
    ip_restricted=None,
    expires_at=None,
    warnings=("a warning",),
)
NEW = {
    "exchange_id": "binance",
    "environment": "sandbox",
    "label": "main",
    "api_key": "a-secret-key",
    "secret": "a-secret-secret",
}


@pytest.fixture
def accepted(monkeypatch):
    """What the exchange says of any key."""
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)


def add(client, **changes):
    return client.post("/api/exchange/accounts", NEW | changes, format="json")


def listed(client, **filters) -> list[str]:
    return [row["label"] for row in get(client, "/api/exchange/accounts", **filters)["results"]]


def test_an_account_is_added_once_the_exchange_has_accepted_its_key(accepted):
    client = logged_in()
    answer = add(client, wallets=["spot"])
    assert answer.status_code == 201
    row = answer.json()
    assert row == get(client, f"/api/exchange/accounts/{row['id']}")
    assert (row["label"], row["wallets"], row["is_enabled"]) == ("main", ["spot"], True)
    assert row["permissions"]["warnings"] == ["a warning"]
    entry = AuditEntry.objects.get(action="account.created")
    assert (entry.actor.username, entry.after["label"]) == ("family", "main")


def test_no_answer_ever_holds_a_credential(accepted):
    client = logged_in()
    made = add(client)
    url = f"/api/exchange/accounts/{made.json()['id']}"
    told = [
        made,
        client.get("/api/exchange/accounts"),
        client.get(url),
        client.patch(url, {"label": "b"}, format="json"),
    ]
    assert not any(
        secret in answer.content.decode() for answer in told for secret in ("a-secret-key", "a-secret-secret")
    )


def test_a_key_that_the_exchange_refuses_is_an_error_of_its_field_and_nothing_is_stored(monkeypatch):
    def refuse(_account):
        raise AccountRefused("Binance does not accept this key.", field="api_key")

    monkeypatch.setattr(keys, "check", refuse)
    answer = add(logged_in())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"] == {"api_key": ["Binance does not accept this key."]}
    assert not ExchangeAccount.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"exchange_id": "binanse"}, "exchange_id"),
        ({"label": "  "}, "label"),
        ({"label": "7"}, "label"),
        ({"label": "a\0"}, "label"),
        ({"environment": "paper"}, "environment"),
        ({"wallets": ["attic"]}, "wallets"),
        ({"api_key": ""}, "api_key"),
        ({"secret": ""}, "secret"),
        ({"api_key": "x" * 9000}, "api_key"),
        ({"workspace_id": 10**30}, "workspace_id"),
        ({"workspace_id": "family"}, "workspace_id"),
        ({"is_enabled": False}, "is_enabled"),
    ],
)
def test_what_cannot_be_an_account_is_told_field_by_field(changes, field, accepted):
    answer = add(logged_in(), **changes)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not ExchangeAccount.objects.exists()


def test_an_account_of_another_workspace_than_mine_cannot_be_made(accepted):
    client = logged_in()
    errors = add(client, workspace_id=workspace("neighbours").pk).json()["errors"]
    assert errors == {"workspace_id": ["You are in no workspace of this id."]}
    Membership.objects.create(user=user(), workspace=workspace("neighbours"), role="viewer")
    refused = add(client, workspace_id=workspace("neighbours").pk)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    assert add(client).json()["workspace_id"] == workspace().pk


def test_who_may_in_several_workspaces_names_one_and_who_may_in_none_is_refused(accepted):
    client = logged_in()
    Membership.objects.create(user=user(), workspace=workspace("neighbours"), role="admin")
    assert list(add(client).json()["errors"]) == ["workspace_id"]
    Membership.objects.filter(user=user()).update(role="trader")
    assert add(client).json()["code"] == "role_missing"


def test_no_more_keys_are_checked_at_once_than_threads_can_be_spared(accepted, monkeypatch):
    monkeypatch.setattr(accounts, "_checks", BoundedSemaphore(1))
    client = logged_in()
    with accounts._a_check():
        answer = add(client)
    assert (answer.status_code, answer.json()["code"]) == (503, "try_later")
    assert add(client).status_code == 201


def test_accounts_are_found_by_exchange_environment_state_and_group():
    client = logged_in()
    first, second = account("first"), account("second", exchange_id="bybit", is_enabled=False)
    account("theirs", owner="neighbours")
    group = AccountGroup.objects.create(workspace=first.workspace, name="all of mine")
    group.accounts.add(second)
    assert listed(client) == ["second", "first"]
    assert listed(client, exchange_id="binance") == ["first"]
    assert listed(client, is_enabled="false") == ["second"]
    assert listed(client, group=group.pk) == ["second"]
    assert listed(client, environment="live") == []
    assert client.get("/api/exchange/accounts", {"is_enabled": "maybe"}).json()["code"] == "bad_parameter"
    assert client.get("/api/exchange/accounts", {"group": "9" * 40}).json()["code"] == "bad_parameter"


def test_an_account_is_renamed_and_its_wallets_chosen():
    client, mine = logged_in(), account()
    url = f"/api/exchange/accounts/{mine.pk}"
    changes = {"label": "other", "wallets": ["spot"], "history_from": "2021-05-01"}
    answer = client.patch(url, changes, format="json")
    assert {name: answer.json()[name] for name in changes} == changes
    assert client.patch(url, {}, format="json").json() == answer.json()
    account("taken")
    assert list(client.patch(url, {"label": "taken"}, format="json").json()["errors"]) == ["label"]
    entry = AuditEntry.objects.get(action="account.changed")
    assert entry.before == {"label": "main", "wallets": [], "history_from": None}


def test_an_account_is_disabled_with_a_reason_and_enabled_again():
    client, mine = logged_in(), account()
    url = f"/api/exchange/accounts/{mine.pk}"
    told = client.post(f"{url}/disable", {"reason": "holidays"}, format="json").json()
    assert (told["is_enabled"], told["disabled_reason"]) == (False, "holidays")
    assert client.post(f"{url}/enable", {}, format="json").json()["is_enabled"] is True


def test_a_new_key_enables_an_account_whose_old_one_was_rejected(accepted):
    client = logged_in()
    mine = account(is_enabled=False, is_rejected=True, disabled_reason="rejected")
    body = {"api_key": "new", "secret": "newer"}
    answer = client.put(f"/api/exchange/accounts/{mine.pk}/credentials", body, format="json")
    assert (answer.status_code, answer.json()["is_enabled"]) == (200, True)
    mine.refresh_from_db()
    assert mine.open_credentials().secret == "newer"


def test_a_deleted_account_has_no_credentials_any_more_and_is_in_no_list_but_its_rows_stay():
    client, mine = logged_in(), account()
    mine.permissions = {"expires_at": "2027-01-01"}
    mine.save()
    SyncState.objects.create(account=mine, exchange_id="binance", environment="sandbox", kind="balances", due_at=now())
    balance_of(reading_of(mine))
    sealed = mine.sealed_credentials
    url = f"/api/exchange/accounts/{mine.pk}"
    assert client.delete(url).status_code == 204
    mine.refresh_from_db()
    assert (mine.sealed_credentials, mine.key_fingerprint, mine.permissions, mine.is_enabled) == ("", "", {}, False)
    stored = str(list(ExchangeAccount.objects.values())) + str(list(AuditEntry.objects.values()))
    assert sealed not in stored
    assert [client.get(url).status_code, client.delete(url).status_code] == [404, 404]
    assert listed(client) == []
    assert get(client, "/api/exchange/balance")["wallets"] == []
    assert get(client, "/api/system/status")["states"] == []
    assert get(client, "/api/system/status")["summary"]["wallets"] == 0
    assert WalletReading.objects.filter(account=mine).exists()
    assert AuditEntry.objects.get(action="account.archived").actor.username == "family"


def test_the_label_and_the_key_of_a_deleted_account_are_free_again(accepted):
    client = logged_in()
    for _ in range(2):
        made = add(client)
        assert made.status_code == 201
        assert client.delete(f"/api/exchange/accounts/{made.json()['id']}").status_code == 204
    assert ExchangeAccount.objects.count() == 2


def test_nothing_is_synced_of_a_deleted_account(django_capture_on_commit_callbacks):
    mine = account()
    state = {"exchange_id": "binance", "environment": "sandbox", "due_at": now()}
    SyncState.objects.create(account=mine, kind="balances", **state)
    SyncState.objects.create(account=None, kind="tickers", **state)
    with django_capture_on_commit_callbacks(execute=True):
        archive_account(mine, at=now())
    assert not SyncState.objects.filter(account=mine).exists()
    assert SyncState.objects.get(kind="tickers").due_at is None


def test_groups_hold_accounts_of_their_own_workspace():
    client, mine, theirs = logged_in(), account(), account(owner="neighbours")
    body = {"name": "all", "account_ids": [mine.pk]}
    made = client.post("/api/exchange/groups", body, format="json")
    assert (made.status_code, made.json()["account_ids"]) == (201, [mine.pk])
    again = client.post("/api/exchange/groups", body, format="json")
    assert list(again.json()["errors"]) == ["name"]
    url = f"/api/exchange/groups/{made.json()['id']}"
    assert list(client.patch(url, {"account_ids": [theirs.pk]}, format="json").json()["errors"]) == ["account_ids"]
    assert get(client, url)["account_ids"] == [mine.pk]
    assert client.patch(url, {"name": "none", "account_ids": []}, format="json").json()["name"] == "none"
    assert get(client, "/api/exchange/accounts")["results"][0]["groups"] == []
    assert client.delete(url).status_code == 204
    assert get(client, "/api/exchange/groups")["results"] == []


@pytest.mark.parametrize("path", ["/api/exchange/accounts", "/api/exchange/groups"])
def test_a_list_costs_as_many_queries_for_fifty_rows_as_for_one(path):
    client = logged_in()
    counts = []
    for labels in (["a"], [f"b{n}" for n in range(49)]):
        for label in labels:
            group = AccountGroup.objects.create(workspace=workspace(), name=label)
            group.accounts.add(account(label))
        with CaptureQueriesContext(connection) as seen:
            rows = get(client, path)["results"]
        counts.append(len(seen))
    assert (len(rows), counts[0]) == (50, counts[1])
