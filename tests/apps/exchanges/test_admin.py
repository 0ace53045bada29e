from datetime import date

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from alphapulse.exchanges.ccxt.permissions import MAY_WITHDRAW
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials
from apps.exchanges import keys, services
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from tests.apps.builders import account, audited, later, workspace
from tests.apps.exchanges.test_services import REPORT
from tests.apps.pages import accounts, act, add_url, delete_url, list_url, logged_in, now, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(scope="module")
def sandbox():
    with SandboxServer(markets=60) as server:
        yield server


@pytest.fixture
def bybit_key(sandbox, settings):
    settings.SANDBOX_URL = sandbox.url
    return sandbox.create_account("bybit", holdings={"USDT": "1000"}, can_withdraw=True)


@pytest.fixture
def nobody_answers(monkeypatch):
    """Any look at the network is a mistake of the test's."""

    def check(_account):
        raise AssertionError("the exchange was asked")

    monkeypatch.setattr(keys, "check", check)


def form(**changes) -> dict:
    given = {
        "workspace": workspace().pk,
        "exchange_id": "bybit",
        "environment": "sandbox",
        "egress": "default",
        "label": "main",
        "wallets": "",
        "api_key": "",
        "secret": "",
        "password": "",
    }
    return given | changes


def posted(client, url: str, **changes):
    states = {"sync_states-TOTAL_FORMS": 0, "sync_states-INITIAL_FORMS": 0}
    return client.post(url, form(**changes) | states, follow=True)


def said(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


# --- Accounts -----------------------------------------------------------------------------------------------------


def test_an_account_is_added_through_the_check_of_its_key(bybit_key):
    client, key = logged_in(), {"api_key": bybit_key.api_key, "secret": bybit_key.secret}
    refused = posted(client, add_url(ExchangeAccount), **key)
    assert "right to withdraw" in str(refused.context["adminform"].form.errors["api_key"])
    answer = posted(client, add_url(ExchangeAccount), **key, may_withdraw="on")

    assert answer.status_code == 200
    assert MAY_WITHDRAW in said(answer)
    new = ExchangeAccount.objects.get()
    assert new.open_credentials() == Credentials(api_key=bybit_key.api_key, secret=bybit_key.secret)
    assert new.permissions["can_withdraw"] is True
    entry = audited().get(action="account.created")
    assert (entry.action, entry.actor.username) == ("account.created", "ops")


def test_an_account_says_since_when_its_past_is_wanted(bybit_key):
    given = {"api_key": bybit_key.api_key, "secret": bybit_key.secret}
    posted(logged_in(), add_url(ExchangeAccount), history_from="2021-05-01", may_withdraw="on", **given)

    assert ExchangeAccount.objects.get().history_from == date(2021, 5, 1)


def test_a_rejected_key_is_an_error_at_its_field_and_its_secret_does_not_come_back(bybit_key):
    client = logged_in()
    answer = posted(client, add_url(ExchangeAccount), api_key=bybit_key.api_key, secret="not-the-secret")
    page = answer.content.decode()

    assert "Check the key at the exchange" in str(answer.context["adminform"].form.errors["api_key"])
    assert "not-the-secret" not in page
    assert bybit_key.api_key not in page
    assert not ExchangeAccount.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"exchange_id": "bybitt"}, "exchange_id", "Did you mean bybit"),
        ({"label": "taken"}, "label", "already"),
        ({"secret": ""}, "secret", "needs the secret"),
        ({"wallets": "sport"}, "wallets", "no wallet sport"),
        ({"label": ""}, "label", "required"),
        ({"history_from": "last spring"}, "history_from", "valid date"),
        ({"history_from": "0001-01-01"}, "history_from", "from 2009-01-03 to today"),
    ],
)
def test_what_cannot_be_an_account_is_an_error_at_its_field(nobody_answers, changes, field, words):
    account("taken")
    given = {"api_key": "k", "secret": "s"} | changes
    answer = posted(logged_in(), add_url(ExchangeAccount), **given)

    assert words in str(answer.context["adminform"].form.errors[field])
    assert ExchangeAccount.objects.count() == 1


def test_no_page_of_an_account_shows_its_credentials():
    client = logged_in()
    mine = account()
    kept = mine.open_credentials()
    pages = text_of(client, list_url(ExchangeAccount)) + text_of(client, page_url(mine))
    pages += text_of(client, reverse("admin:exchanges_exchangeaccount_history", args=[mine.pk]))

    for secret in (kept.api_key, kept.secret, mine.sealed_credentials, mine.key_fingerprint):
        assert secret not in pages


def test_the_credentials_fields_are_typed_in_the_dark_and_never_filled():
    client = logged_in()
    fields = client.get(page_url(account())).context["adminform"].form
    for name in ("api_key", "secret", "password"):
        html = str(fields[name])
        assert 'type="password"' in html
        assert "value=" not in html


def test_label_and_wallets_change_without_new_keys(nobody_answers):
    mine = account(exchange_id="bybit")
    before = mine.open_credentials()
    posted(logged_in(), page_url(mine), label="savings", wallets="unified, funding")

    stored = ExchangeAccount.objects.get()
    assert (stored.label, stored.wallets) == ("savings", ["unified", "funding"])
    assert stored.open_credentials() == before
    assert audited().get().action == "account.changed"


def test_exchange_environment_and_workspace_stay_what_they_are(nobody_answers):
    mine = account(exchange_id="bybit")
    other = workspace("friends").pk
    posted(logged_in(), page_url(mine), exchange_id="kraken", environment="live", workspace=other)

    stored = ExchangeAccount.objects.get()
    assert (stored.exchange_id, stored.environment, stored.workspace.name) == ("bybit", "sandbox", "family")


def test_new_keys_are_checked_and_replace_the_old(bybit_key):
    mine = account(exchange_id="bybit")
    client = logged_in()
    refused = posted(client, page_url(mine), api_key=bybit_key.api_key, secret="not-the-secret")
    assert "Check the key" in str(refused.context["adminform"].form.errors["api_key"])
    answer = posted(client, page_url(mine), api_key=bybit_key.api_key, secret=bybit_key.secret, may_withdraw="on")

    assert MAY_WITHDRAW in said(answer)
    assert ExchangeAccount.objects.get().open_credentials().api_key == bybit_key.api_key
    assert {entry.action for entry in audited()} == {"account.credentials_renewed", "key.may_withdraw"}


def test_a_new_key_for_a_rejected_one_enables_the_account_and_says_only_that(monkeypatch):
    mine = account(exchange_id="bybit")
    services.reject_key(mine, reason="the old key was refused", at=now())
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    told = said(posted(logged_in(), page_url(mine), api_key="k", secret="s"))

    assert "The new key was accepted: the account is enabled again" in told
    assert "the old key was refused" not in told
    assert ExchangeAccount.objects.get().is_enabled


def test_a_new_key_for_an_account_disabled_by_hand_leaves_it_so_and_says_how_to_go_on(monkeypatch):
    mine = account(exchange_id="bybit", is_enabled=False, disabled_reason="by ops in the admin")
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    told = said(posted(logged_in(), page_url(mine), api_key="k", secret="s"))

    assert "The new key was accepted; choose Enable to sync again" in told
    assert not ExchangeAccount.objects.get().is_enabled


def test_keys_are_checked_again_by_action(monkeypatch):
    client = logged_in()
    good, bad = account("good"), account("bad")

    def check(one):
        if one.label == "bad":
            raise AccountRefused("Binance does not accept the key.")
        return REPORT

    monkeypatch.setattr(keys, "check", check)
    messages = act(client, ExchangeAccount, "check_keys", good, bad)
    assert "bad (binance, sandbox): Binance does not accept the key." in messages
    assert any(text.startswith("good (binance, sandbox): the key reads spot, may not read usdm") for text in messages)
    assert audited().get().action == "account.key_checked"


def test_half_of_a_new_key_is_refused(nobody_answers):
    mine = account(exchange_id="bybit")
    answer = posted(logged_in(), page_url(mine), api_key="only-the-key")
    assert "needs the secret" in str(answer.context["adminform"].form.errors["secret"])


def test_who_comes_second_is_told_on_the_same_page(monkeypatch):
    """Between the form's look and the write, somebody else stored the same key."""

    def check(_account):
        first = account("first", exchange_id="bybit")
        first.set_credentials(Credentials(api_key="k", secret="s"))
        first.save()
        return REPORT

    monkeypatch.setattr(keys, "check", check)
    answer = posted(logged_in(), add_url(ExchangeAccount), api_key="k", secret="s")

    assert answer.status_code == 200
    assert "already in use by the account &#x27;first&#x27;" in answer.content.decode()


def test_accounts_are_disabled_and_enabled_by_action_with_who_did_it():
    client = logged_in()
    first, second = account("first"), account("second", is_enabled=False, disabled_reason="old")
    assert act(client, ExchangeAccount, "disable", first, second) == ["1 account disabled (1 was already)."]

    first.refresh_from_db()
    assert (first.is_enabled, first.disabled_reason) == (False, "by ops in the admin")
    assert "DISABLED: by ops in the admin" in text_of(client, list_url(ExchangeAccount))
    act(client, ExchangeAccount, "enable", first, second)
    assert ExchangeAccount.objects.filter(is_enabled=True).count() == 2
    assert [entry.actor.username for entry in audited()] == ["ops"] * 3


def test_a_staff_user_without_the_right_may_look_at_nothing():
    client = logged_in()
    staff = get_user_model().objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    assert client.get(list_url(ExchangeAccount)).status_code == 403
    assert client.get(page_url(account())).status_code == 403


def test_a_staff_user_who_may_only_look_sees_the_account_and_no_fields_for_keys():
    client = logged_in()
    staff = get_user_model().objects.create_user("staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_exchangeaccount"))
    client.force_login(staff)
    mine = account(label="savings")
    page = text_of(client, page_url(mine))

    assert "savings" in page
    assert "api_key" not in page
    assert client.post(page_url(mine), form(label="mine now")).status_code == 403
    assert "resync_now" not in text_of(client, list_url(ExchangeAccount))


def test_an_account_is_not_deleted_by_hand():
    client = logged_in()
    mine = account()
    assert client.post(delete_url(mine), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in text_of(client, list_url(ExchangeAccount))


def test_the_list_of_accounts_needs_as_many_queries_for_thirty_rows_as_for_one():
    client = logged_in()
    accounts(range(1))
    for_one = queries_of(client, list_url(ExchangeAccount))
    accounts(range(1, 30))
    assert queries_of(client, list_url(ExchangeAccount)) == for_one


# --- Health -------------------------------------------------------------------------------------------------------


def troubled(exchange_id: str = "binance", **fields) -> ExchangeHealth:
    values = {"failures": 5, "opened_at": now(), "error": "Binance did not answer in time.", "changed_at": now()}
    return ExchangeHealth.objects.create(exchange_id=exchange_id, environment="sandbox", **(values | fields))


def test_an_open_breaker_stands_out_and_is_reset_by_hand():
    client = logged_in()
    row = troubled()
    assert '<strong class="alarming">open</strong>' in text_of(client, list_url(ExchangeHealth))
    act(client, ExchangeHealth, "reset_breaker", row)

    row.refresh_from_db()
    assert (row.state(now()), row.error) == ("closed", "")
    assert audited().get().action == "breaker.reset"
    assert audited().get().actor.username == "ops"


def test_a_ban_is_left_to_the_exchange_and_said():
    client = logged_in()
    row = troubled(banned_until=later(3600).replace(year=2999))
    messages = act(client, ExchangeHealth, "reset_breaker", row)

    (message,) = messages
    assert message.startswith("binance sandbox by egress default: banned until 2999-")
    assert message.endswith("UTC. A ban is left alone: asking earlier makes it longer.")
    row.refresh_from_db()
    assert row.state(now()) == "banned"


def test_health_is_read_only_and_its_list_needs_a_constant_number_of_queries():
    client = logged_in()
    row = troubled()
    for_one = queries_of(client, list_url(ExchangeHealth))
    for number in range(29):
        troubled(f"exchange{number}")

    assert queries_of(client, list_url(ExchangeHealth)) == for_one
    assert client.get(add_url(ExchangeHealth)).status_code == 403
    assert client.post(page_url(row), {"failures": 0}).status_code == 403
