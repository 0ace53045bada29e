"""Two keys of one account at an exchange are one account's money: refused, and where they are there already, told."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from alphapulse.exchanges.ccxt.permissions import Permissions
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, KeyReport
from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.exchanges import keys, services
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import ExchangeAccount, KeyNotice
from apps.exchanges.services import key_watch
from tests.apps.api import get
from tests.apps.api import logged_in as over_rest
from tests.apps.builders import NOON, account, workspace
from tests.apps.exchanges.test_services import REPORT
from tests.apps.pages import act, add_url, list_url, logged_in, page_url, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MINE, ANOTHERS = replace(REPORT, exchange_uid="1001"), replace(REPORT, exchange_uid="1002")


@pytest.fixture
def told(monkeypatch):
    """What the exchange says of the keys that are checked, in place of the network."""

    def script(report: KeyReport):
        monkeypatch.setattr(keys, "check", lambda _account: report)

    script(MINE)
    return script


def credentials(of: str) -> Credentials:
    word = of.replace(" ", "-")
    return Credentials(api_key=f"key-of-{word}", secret=f"secret-of-{word}")


def add(label: str = "main", **changes) -> ExchangeAccount:
    wanted = {"workspace": workspace(), "exchange_id": "binance", "environment": "sandbox"}
    return services.add_account(**(wanted | {"label": label, "credentials": credentials(label)} | changes))


def stored(label: str) -> ExchangeAccount:
    return ExchangeAccount.objects.get(label=label)


def doubles() -> dict[str, str]:
    """Those that are marked, and which account counts instead."""
    return dict(ExchangeAccount.objects.exclude(double_of=None).values_list("label", "double_of__label"))


def notices(label: str) -> list[str]:
    return list(KeyNotice.objects.filter(account__label=label, closed_at=None).values_list("kind", flat=True))


# --- Refused --------------------------------------------------------------------------------------------------------


def test_a_second_key_of_an_account_is_refused_with_what_to_do(told):
    add()
    with pytest.raises(AccountRefused) as refusal:
        add("second")
    assert str(refusal.value) == (
        "This key belongs to the same account at Binance as that of 'main': the same money would count twice. "
        "Renew the key of 'main' instead, or choose fewer wallets for 'main', and here those that it does not read."
    )
    assert refusal.value.field == "api_key"
    assert [each.exchange_uid for each in ExchangeAccount.objects.all()] == ["1001"]


def test_a_second_key_may_read_the_wallets_that_the_first_does_not(told):
    add(wallets=["spot", "earn"])
    with pytest.raises(
        AccountRefused, match=r"wallets that it does not read \(coinm, earn-locked, funding, margin, usdm"
    ):
        add("second", wallets=["spot", "usdm"])
    add("second", wallets=["usdm"])
    assert doubles() == {}


def test_others_may_be_read(told):
    """Sub-accounts have numbers of their own, and who tells none is nobody's double."""
    add()
    add("of a friend", workspace=workspace("friends"))
    add("live", environment="live")
    add("at Bybit", exchange_id="bybit")
    told(ANOTHERS)
    add("sub-account")
    told(REPORT)
    add("untold")
    add("untold, too")
    assert ExchangeAccount.objects.count() == 7
    assert doubles() == {}


def test_a_deleted_account_stands_in_nobodys_way(told):
    services.archive_account(add(), at=NOON)
    assert add("anew").exchange_uid == "1001"


def test_a_key_is_not_renewed_by_one_of_an_account_that_is_read_already(told):
    add()
    told(ANOTHERS)
    other = add("other")
    told(MINE)
    with pytest.raises(AccountRefused, match="same account at Binance as that of 'main'"):
        services.renew_credentials(other, credentials("main, once more"))
    kept = stored("other")
    assert (kept.exchange_uid, kept.open_credentials()) == ("1002", credentials("other"))


def test_a_key_is_renewed_by_another_one_of_its_account(told):
    services.renew_credentials(add(), credentials("main, once more"))
    assert stored("main").open_credentials() == credentials("main, once more")


def test_whose_a_key_is_that_nobody_checked_is_not_known(told):
    services.renew_credentials(add(), credentials("another"), check=False)
    assert stored("main").exchange_uid == ""


def test_an_answer_that_does_not_tell_this_time_leaves_what_is_known(told):
    mine = add()
    told(REPORT)
    services.check_key(mine)
    assert stored("main").exchange_uid == "1001"


def test_wallets_that_another_account_reads_cannot_be_chosen_later(told):
    first, second = add(wallets=["spot"]), add("second", wallets=["usdm"])
    for wallets in (["usdm", "spot"], []):
        with pytest.raises(AccountRefused, match="'main' reads spot already") as refusal:
            services.change_account(second, at=NOON, wallets=wallets)
        assert refusal.value.field == "wallets"
    assert services.change_account(ExchangeAccount.objects.get(pk=first.pk), at=NOON, label="renamed")
    assert services.change_account(stored("second"), at=NOON, wallets=["usdm", "margin"])


def test_of_two_at_once_that_both_looked_before_the_second_is_refused(told):
    first, second = (
        services.draft(workspace=workspace(), exchange_id="binance", label=label, credentials=credentials(label))
        for label in ("one", "two")
    )
    services.store_new(first, MINE, at=NOON)
    with pytest.raises(AccountRefused, match="as that of 'one'"):
        services.store_new(second, MINE, at=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_is_stored():
    mine, gate = workspace(), Barrier(4)

    def store(label: str) -> bool:
        try:
            draft = services.draft(
                workspace=mine,
                exchange_id="binance",
                label=label,
                credentials=credentials(label),
                environment="sandbox",
            )
            gate.wait(20)
            services.store_new(draft, MINE, at=NOON)
        except AccountRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(store, ["one", "two", "three", "four"])) == 1
    assert ExchangeAccount.objects.count() == 1


# --- Those that were there before anybody knew ----------------------------------------------------------------------


@pytest.fixture
def exchange(monkeypatch):
    """What it says when it is asked about stored keys, by label."""
    said: dict[str, str] = {}

    def ask(of: ExchangeAccount) -> Permissions:
        whose = said.get(of.label)
        return Permissions(can_trade=None if of.exchange_id == "kraken" else True, exchange_uid=whose)

    monkeypatch.setattr(keys, "ask_permissions", ask)
    return said


def two(**fields) -> tuple[ExchangeAccount, ExchangeAccount]:
    """Stored, and known to be the same."""
    known = {"exchange_uid": "1001", "permissions": keys.permissions(MINE)} | fields
    first, second = account("main", **known), account("second", **known)
    key_watch.review(second, at=NOON)
    return first, second


def test_that_two_are_the_same_is_found_by_the_daily_look_at_keys(exchange):
    permissions = keys.permissions(REPORT)
    account("main", permissions=permissions)
    account("second", permissions=permissions)
    exchange |= {"main": "1001", "second": "1001"}
    assert key_watch.ask_due() == 2
    assert doubles() == {"second": "main"}
    assert (notices("main"), notices("second")) == ([], ["same_account"])
    message = stored("second").key_notices.get().message
    assert "same account at Binance as that of 'main', and both read coinm, earn" in message
    assert "only 'main' counts. Delete this one" in message
    assert AuditEntry.objects.filter(action="key.same_account").count() == 1


def test_whose_keys_are_is_asked_once_where_nothing_else_is_told(exchange):
    account("spot", exchange_id="kraken")
    exchange["spot"] = "AA88 N84G WOAK NMOI"
    assert key_watch.ask_due() == 1
    assert stored("spot").exchange_uid == "AA88 N84G WOAK NMOI"
    assert stored("spot").permissions == {}
    ExchangeAccount.objects.update(key_due_at=None)
    assert key_watch.ask_due() == 0


def test_what_asking_costs_is_counted(settings):
    mine = account("main")
    assert keys.costs(mine) == {"sapi": 1, "spot": 20}
    mine.exchange_uid = "1001"
    assert keys.costs(mine) == {"sapi": 1}
    assert keys.costs(account("kraken", exchange_id="kraken")) == {"requests": 1}
    assert keys.costs(account("bitfinex", exchange_id="bitfinex")) == {}


def test_checking_a_stored_key_finds_it_too(told):
    account("main", exchange_uid="1001")
    services.check_key(account("second"))
    assert doubles() == {"second": "main"}


def test_who_was_added_unchecked_is_found_with_the_first_look(told, exchange):
    add()
    add("second", check=False)
    assert doubles() == {}
    exchange |= {"main": "1001", "second": "1001"}
    key_watch.ask_due()
    assert doubles() == {"second": "main"}


def test_other_wallets_make_two_of_them_again():
    first, second = two()
    assert doubles() == {"second": "main"}
    services.change_account(first, at=NOON, wallets=["spot"])
    assert doubles() == {"second": "main"}
    services.change_account(second, at=NOON, wallets=["usdm"])
    assert (doubles(), notices("second")) == ({}, [])


def test_without_the_first_the_second_counts():
    first, _ = two()
    services.archive_account(first, at=NOON)
    assert (doubles(), notices("second")) == ({"main": "second"}, [])


def test_one_that_is_deleted_while_it_does_not_count_never_will():
    _, second = two()
    services.archive_account(second, at=NOON)
    assert doubles() == {"second": "main"}


def test_one_that_is_enabled_counts_before_one_that_is_not():
    first, second = two()
    services.disable_account(first, reason="its key expired", at=NOON)
    assert (doubles(), notices("main"), notices("second")) == ({"main": "second"}, ["same_account"], [])
    with pytest.raises(AccountRefused, match="Disable or delete 'second' first"):
        services.enable_account(stored("main"), at=NOON)
    services.disable_account(second, reason="no longer needed", at=NOON)
    services.enable_account(stored("main"), at=NOON)
    assert doubles() == {"second": "main"}


def test_of_three_one_counts_that_shares_nothing_with_one_that_does():
    known = {"exchange_uid": "1001"}
    account("spot", wallets=["spot"], **known)
    account("spot and usdm", wallets=["spot", "usdm"], **known)
    key_watch.review(account("usdm", wallets=["usdm"], **known), at=NOON)
    assert doubles() == {"spot and usdm": "spot"}


def test_the_notice_names_who_counts_now():
    def message() -> str:
        return KeyNotice.objects.get(account__label="third", closed_at=None).message

    first, _ = two()
    key_watch.review(account("third", exchange_uid="1001"), at=NOON)
    assert "only 'main' counts" in message()
    services.archive_account(first, at=NOON)
    assert doubles() == {"main": "second", "third": "second"}
    assert "only 'second' counts" in message()


def test_a_label_and_wallets_of_any_length_fit_into_the_notice():
    known = {"exchange_uid": "1001"}
    account("x" * 80, **known)
    key_watch.review(account("second", **known), at=NOON)
    assert notices("second") == ["same_account"]


# --- Where it is seen -----------------------------------------------------------------------------------------------


def test_rest_tells_whose_a_key_is_and_which_account_counts():
    first, _ = two()
    account("untold")
    rows = {each["label"]: each for each in get(over_rest(), "/api/exchange/accounts")["results"]}
    assert {label: (row["exchange_uid"], row["double_of"]) for label, row in rows.items()} == {
        "main": ("1001", None),
        "second": ("1001", first.pk),
        "untold": (None, None),
    }
    assert [each["kind"] for each in rows["second"]["notices"]] == ["same_account"]
    (told,) = get(over_rest(), "/api/system/status")["keys"]
    assert (told["account"], told["kind"]) == ("second", "same_account")


def test_rest_refuses_to_enable_what_is_read_already():
    _, second = two()
    services.disable_account(second, reason="no longer needed", at=NOON)
    answer = over_rest().post(f"/api/exchange/accounts/{second.pk}/enable")
    assert answer.status_code == 400
    assert "Disable or delete 'main' first" in answer.content.decode()


def test_the_admin_tells_it_and_enables_only_what_is_not_read_already():
    _, second = two()
    client = logged_in()
    assert "NOT COUNTED: same account as main" in text_of(client, list_url(ExchangeAccount))
    assert "1001: This key belongs to the same account at Binance" in text_of(client, page_url(second))
    services.disable_account(second, reason="no longer needed", at=now())
    answer = act(client, ExchangeAccount, "enable", second)
    assert "Disable or delete 'main' first" in answer[0]
    assert not stored("second").is_enabled


# --- With the sandbox exchange in place of the network --------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox():
    with SandboxServer(markets=60) as server:
        yield server


@pytest.fixture(params=["binance", "bybit"])
def same(request, sandbox, settings):
    """Two keys of one account, as they are given over REST."""
    settings.SANDBOX_URL = sandbox.url
    first = sandbox.create_account(request.param, holdings={"USDT": "1000"})
    both = (first, sandbox.put_key(request.param, first.account))
    place = {"exchange_id": request.param, "environment": "sandbox"}
    return [place | {"api_key": made.api_key, "secret": made.secret} for made in both], str(first.uid)


def test_over_rest_by_command_and_in_the_admin_the_second_key_of_an_account_is_refused(same):
    (first, second), uid = same
    client, words = over_rest(), "the same money would count twice"
    added = client.post("/api/exchange/accounts", first | {"label": "main"}, format="json")
    assert (added.status_code, added.json()["exchange_uid"]) == (201, uid)
    refused = client.post("/api/exchange/accounts", second | {"label": "second"}, format="json")
    assert refused.status_code == 400
    assert words in refused.json()["errors"]["api_key"][0]

    named = {"workspace": "family", "exchange": second["exchange_id"], "label": "second", "environment": "sandbox"}
    with pytest.raises(CommandError, match=words):
        call_command("add_account", **named, api_key=second["api_key"], secret=second["secret"])

    form = second | {"workspace": workspace().pk, "egress": "default", "label": "second", "wallets": ""}
    states = {"sync_states-TOTAL_FORMS": 0, "sync_states-INITIAL_FORMS": 0}
    answer = logged_in().post(add_url(ExchangeAccount), form | states)
    assert words in str(answer.context["adminform"].form.errors["api_key"])
    assert ExchangeAccount.objects.count() == 1


def test_keys_that_were_stored_before_are_found_by_asking_the_exchange(same, shared_redis):
    for label, given in zip(("main", "second"), same[0], strict=True):
        mine = account(label, exchange_id=given["exchange_id"])
        mine.set_credentials(Credentials(api_key=given["api_key"], secret=given["secret"]))
        mine.save()
    assert key_watch.ask_due() == 2
    assert doubles() == {"second": "main"}
    assert {each.exchange_uid for each in ExchangeAccount.objects.all()} == {same[1]}
