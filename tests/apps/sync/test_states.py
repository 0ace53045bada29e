from datetime import timedelta

import pytest

from alphapulse.exchanges.errors import CredentialsRejected, NotSupported, PermissionMissing, RateLimited, Transient
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import WalletReading
from apps.sync.models import SyncState
from apps.sync.services import states
from tests.apps.builders import NOON, account, later, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


HAS = {"balances", "positions", "orders"}
HAPPENED = {"trades", "closed_orders", "transfers", "funding_payments", "ledger"}
# Binance tells trades market by market.
ALL = HAS | HAPPENED | {"sweep"}


def kinds(**where) -> set[str]:
    return set(SyncState.objects.filter(**where).values_list("kind", flat=True))


def test_a_new_account_gets_its_kinds_and_its_exchange_prices_and_markets():
    mine = account()
    states.make_states(mine.pk)
    states.make_states(mine.pk)
    assert kinds(account=mine) == ALL
    shared = {"tickers", "markets", "candles", "funding_rates"}
    assert kinds(account=None, exchange_id="binance", environment="sandbox") == shared
    assert SyncState.objects.count() == len(ALL | shared)


def test_what_an_account_has_is_waited_for_and_what_happened_to_it_is_behind():
    mine = account()
    states.make_states(mine.pk)
    assert kinds(account=mine, requested_at__isnull=False) == HAS
    assert kinds(account=mine, is_behind=True) == ALL - HAS


def test_only_where_trades_are_told_market_by_market_there_is_something_to_sweep():
    mine = account(exchange_id="bybit")
    states.make_states(mine.pk)
    assert kinds(account=mine) == HAS | HAPPENED


def test_prices_of_the_two_environments_are_kept_apart():
    states.make_states(account("a").pk)
    states.make_states(account("b", environment="live").pk)
    assert SyncState.objects.filter(account=None, kind="tickers").count() == 2


def test_a_disabled_account_is_not_due_and_neither_are_prices_nobody_needs():
    mine = account()
    states.make_states(mine.pk)
    ExchangeAccount.objects.update(is_enabled=False)
    states.follow_account(mine.pk)
    assert not SyncState.objects.exclude(due_at=None).exists()


def test_prices_stay_due_while_another_account_is_enabled():
    for label in ("one", "two"):
        states.make_states(account(label).pk)
    ExchangeAccount.objects.filter(label="one").update(is_enabled=False)
    states.follow_account(ExchangeAccount.objects.get(label="one").pk)
    assert SyncState.objects.filter(account=None).exclude(due_at=None).count() == 4


def test_an_enabled_account_is_due_at_once_with_all_its_chances():
    mine = account()
    state(mine, "balances", due_at=None, failures=4, error_kind="CredentialsRejected", error="-2015")
    state(mine, "positions", due_at=None, error_kind="NotSupported")
    states.follow_account(mine.pk)
    assert kinds(account=mine, due_at__isnull=False, failures=0, error_kind="") == ALL


def test_a_new_key_is_tried_at_once_and_not_blamed_for_the_old_one():
    mine = account()
    state(mine, due_at=later(99_999_999), failures=1, error_kind="CredentialsRejected")
    states.follow_account(mine.pk)
    assert SyncState.objects.get(account=mine, kind="balances").error_kind == ""


def test_states_that_nobody_made_are_made():
    mine = account()
    state(mine, "balances")
    assert (states.mend(), states.mend()) == (1, 0)
    assert kinds(account=mine) == ALL


def test_a_kind_that_is_new_is_given_to_accounts_that_have_the_others():
    mine = account()
    for kind in HAS:
        state(mine, kind, due_at=later(99_999_999))
    assert states.mend() == 1
    assert kinds(account=mine, due_at__lt=later(99_999_999)) == ALL - HAS


def test_an_account_that_moves_to_another_egress_takes_its_states_along():
    mine = account()
    state(mine)
    ExchangeAccount.objects.update(egress="second")
    states.follow_account(mine.pk)
    assert set(SyncState.objects.filter(account=mine).values_list("egress", flat=True)) == {"second"}


def test_success_is_due_again_after_the_interval_give_or_take_five_percent():
    mine = state(account(), failures=3, error="old", interval_override=timedelta(seconds=100))
    states.succeed(mine, now=NOON)
    assert later(95) <= mine.due_at <= later(105)
    assert (mine.failures, mine.error) == (0, "")


def test_a_passing_failure_backs_off_and_is_capped_at_ten_minutes():
    mine = state(account())
    for failures in range(1, 40):
        states.fail(mine, Transient("no answer"), now=NOON)
        assert later(1) <= mine.due_at <= later(min(5 * 2 ** (failures - 1), 600))
    assert (mine.failures, mine.error_kind) == (39, "Transient")


def test_an_account_of_which_some_wallets_were_served_keeps_its_interval():
    mine = state(account(), failures=9, interval_override=timedelta(seconds=100))
    states.fail(mine, Transient("futures are down"), now=NOON, is_partly_served=True)
    assert later(95) <= mine.due_at <= later(105)
    assert mine.failures == 10


def test_the_wait_an_exchange_names_is_kept():
    mine = state(account())
    states.fail(mine, RateLimited("banned", until=later(3000)), now=NOON)
    assert later(3000) <= mine.due_at <= later(3002)


def test_the_pause_of_an_exchange_with_troubles_of_its_own_is_kept_too():
    mine = state(account())
    states.fail(mine, Transient("down", until=later(900)), now=NOON)
    assert later(900) <= mine.due_at <= later(902)


def test_what_an_exchange_does_not_offer_is_never_asked_again():
    mine = state(account())
    states.fail(mine, NotSupported("no positions here"), now=NOON)
    assert (mine.due_at, mine.failures) == (None, 0)


def test_a_failure_says_what_happened_and_what_to_do():
    mine = state(account())
    states.fail(mine, CredentialsRejected("binance says -2015"), now=NOON)
    assert mine.error == "binance says -2015"
    assert "Check the key" in mine.advice


def test_wallets_that_the_owner_does_not_want_lose_their_rows():
    mine = account(wallets=["spot"])
    for wallet in ("spot", "usdm"):
        WalletReading.objects.create(account=mine, kind="balances", wallet=wallet, status="ok")
    states.follow_account(mine.pk)
    assert WalletReading.objects.get().wallet == "spot"


def test_what_a_key_may_not_read_is_calm_and_looked_at_again_once_an_hour():
    mine = state(account(), "positions", failures=2)
    states.fail(mine, PermissionMissing("Binance: does not accept the key (deleted ...).", code="-2015"), now=NOON)
    assert (mine.failures, mine.error_kind) == (0, "PermissionMissing")
    assert mine.error == "This key may not read positions at Binance (code -2015)."
    assert "Nothing has failed" in mine.advice
    assert later(3400) < mine.due_at < later(3800)


def test_a_key_that_may_not_read_any_balance_fails():
    mine = state(account(), "balances")
    states.fail(mine, PermissionMissing("no right"), now=NOON)
    assert (mine.failures, mine.error) == (1, "no right")


def test_a_new_key_is_asked_at_once_for_what_the_old_one_might_not_read():
    mine = account()
    state(mine, "positions", due_at=later(99_999_999), error_kind="PermissionMissing")
    states.follow_account(mine.pk)
    assert SyncState.objects.get(account=mine, kind="positions").due_at < later(99_999_999)
