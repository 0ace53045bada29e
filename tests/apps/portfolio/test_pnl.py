"""Profit and loss out of the ledger's rows, and over REST.

    day 1   deposit 1000 USDT       day 4   buy 1 BTC at 150
    day 2   buy 1 BTC at 100        day 5   sell 1.5 BTC at 300
    day 3   buy 1 BTC at 200        left: 1.5 BTC, 1000 USDT

The gains by hand are in `tests/alphapulse/portfolio/test_books.py`.
"""

from datetime import timedelta
from decimal import Decimal

import pytest

from alphapulse.types import SyncKind
from apps.exchanges.models import Environment
from apps.ledger.models import Trade, Transfer
from apps.market.models import FiatRate
from apps.portfolio import tasks
from apps.portfolio.models import Statement
from apps.portfolio.services import bookkeeping, statements
from apps.users.models import UserSettings
from tests.alphapulse.portfolio.happenings import day, entry, trade, transfer
from tests.apps.api import get, logged_in, user
from tests.apps.builders import NOON, account
from tests.apps.pasts import tell_at_binance
from tests.apps.portfolio.holdings import holding, position, store, tell
from tests.apps.portfolio.ledgers import happen, read_whole

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

WORKSHEET = (
    transfer("deposit 1000 USDT", 1),
    trade("buy 1 at 100", 2),
    trade("buy 1 at 200", 3),
    trade("buy 1 at 150", 4),
    trade("sell 1.5 at 300", 5),
)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    tell_at_binance(monkeypatch)
    for place in ("apps.portfolio.api.pnl", "apps.portfolio.tasks"):
        monkeypatch.setattr(f"{place}.now", lambda: NOON)


@pytest.fixture
def mine():
    tell()
    return holding("main", BTC="1.5", USDT="1000")


def asked(**params):
    return get(logged_in(), "/api/portfolio/pnl", **({"environment": "sandbox", "currency": "USDT"} | params))


def residuals(answer):
    return {(row["account"], row["symbol"] or row["asset"]): row["residual"] for row in answer["residuals"]}


@pytest.mark.parametrize(("method", "gain"), [("fifo", "250"), ("lifo", "200"), ("hifo", "175"), ("average", "225")])
def test_each_method_tells_what_the_worksheet_says(mine, method, gain):
    happen(mine, *WORKSHEET)
    read_whole(mine, since=day(1), at=NOON)
    answer = asked(method=method)
    assert (answer["totals"]["realised"], answer["totals"]["total"], answer["totals"]["deposited"]) == (
        gain,
        gain,
        "1000",
    )
    assert residuals(answer) == {("main", "BTC"): "0", ("main", "USDT"): "0"}
    assert (answer["complete"], answer["reasons"], answer["current"]) == (True, [], True)
    assert answer["complete_since"] == "2026-01-01T00:00:00Z"


def test_what_is_held_tells_its_cost_and_what_it_would_bring(mine):
    happen(mine, *WORKSHEET)
    held = {row["asset"]: row for row in asked()["held"]}
    # Half a coin at 200 and one at 150 are left of the oldest; a coin stands at 100,000.
    assert held["BTC"] == {
        "asset": "BTC",
        "amount": "1.5",
        "cost": "250",
        "without_cost": "0",
        "unrealised": "149750",
    }


def test_before_it_is_complete_it_says_so(mine):
    happen(mine, *WORKSHEET)
    answer = asked()
    assert (answer["complete"], answer["complete_since"]) == (False, None)
    assert any("Not all trades of main are known yet" in reason for reason in answer["reasons"])
    read_whole(mine, since=day(3), at=NOON)
    answer = asked()
    assert answer["complete"] is False
    assert any("trades of main are known whole since 2026-01-03 only" in reason for reason in answer["reasons"])
    # From then on it is.
    assert asked(since="2026-01-03")["complete"] is True


def test_what_no_history_explains_is_shown(mine):
    happen(mine, *WORKSHEET[:-1])
    read_whole(mine, since=day(1), at=NOON)
    answer = asked()
    assert residuals(answer) == {("main", "BTC"): "-1.5", ("main", "USDT"): "450"}
    assert answer["complete"] is False
    assert "BTC of main: -1.5 of what is there is explained by nothing that is known." in answer["reasons"]


def test_a_position_that_its_fills_do_not_make_up_is_shown(mine):
    contract = "BTC/USDT:USDT"
    happen(mine, trade("buy 3 at 100", 1, symbol=contract))
    assert residuals(asked())["main", contract] == "-3"
    store(mine, SyncKind.POSITIONS, position(contract, contracts=Decimal(3)), wallet="usdm")
    assert residuals(asked())["main", contract] == "0"


def test_days_accounts_and_assets_can_be_asked_for(mine):
    other = holding("other", USDT="0")
    happen(mine, *WORKSHEET)
    happen(other, trade("buy 1 at 10", 6, symbol="ETH/USDT"), trade("sell 1 at 17", 7, symbol="ETH/USDT"))
    assert asked()["totals"]["realised"] == "257"
    assert asked(account="other")["totals"]["realised"] == "7"
    assert asked(asset="BTC")["totals"]["realised"] == "250"
    assert asked(since="2026-01-06")["totals"]["realised"] == "7"
    assert asked(until="2026-01-05")["totals"]["realised"] == "0"
    by_account = {row["account"]: row["total"] for row in asked()["accounts"]}
    assert by_account == {"main": "250", "other": "7"}
    assert [(row["day"], row["realised"]) for row in asked(since="2026-01-05")["days"]] == [
        ("2026-01-05", "250"),
        ("2026-01-07", "7"),
    ]


def test_transfers_between_own_accounts_are_no_income(mine):
    other = holding("other", BTC="1")
    happen(mine, *WORKSHEET[:3], transfer("withdrawal 1 BTC", 4, txid="x"))
    happen(other, transfer("deposit 1 BTC", 4.1, txid="x"))
    answer = asked()
    assert answer["own_transfers"] == 1
    assert (answer["totals"]["deposited"], answer["totals"]["withdrawn"], answer["totals"]["total"]) == (
        "1000",
        "0",
        "0",
    )
    assert residuals(answer)["other", "BTC"] == "0"


def test_what_happened_to_a_deleted_account_still_counts(mine):
    happen(mine, *WORKSHEET)
    mine.archived_at = day(9)
    mine.save()
    answer = asked()
    assert answer["totals"]["realised"] == "250"
    assert [(row["account"], row["is_deleted"]) for row in answer["accounts"]] == [("main", True)]
    # What it had is outside from then on, and nobody asks for its balance.
    assert answer["totals"]["withdrawn_cost"] == "1250"
    assert answer["residuals"] == []


def test_what_has_no_price_is_listed_and_calculated_anew_when_one_may_have_come(mine, monkeypatch):
    happen(mine, entry("airdrop", "10 EUR", 2))
    answer = asked()
    assert [(gap["asset"], gap["amount"], gap["what"]) for gap in answer["gaps"]] == [("EUR", "10", "airdrop")]
    assert "EUR: nothing tells its price then (1 times)." in answer["reasons"]
    assert answer["totals"]["airdrop"] == "0"
    FiatRate.objects.create(source="ecb", base="EUR", currency="USD", rate="1.1", published_on=day(2).date())
    assert asked(currency="USD")["totals"]["airdrop"] == "11"
    monkeypatch.setattr("apps.portfolio.api.pnl.now", lambda: NOON + timedelta(hours=1))
    assert asked()["totals"]["airdrop"] == "0"


def test_who_takes_stablecoins_for_their_currency_gets_it_in_dollars(mine):
    happen(mine, *WORKSHEET)
    assert asked(currency="USD")["totals"]["realised"] == "0"
    UserSettings.objects.create(user=user(), stablecoins_at_par=True)
    answer = asked(currency="USD")
    assert (answer["currency"], answer["totals"]["realised"]) == ("USD", "250")


# --- Kept, and calculated once for each change ------------------------------------------------------------------------


def test_it_is_calculated_once_until_something_happens(mine, monkeypatch):
    happen(mine, *WORKSHEET)
    first = asked()
    monkeypatch.setattr("apps.portfolio.api.pnl.now", lambda: NOON + timedelta(hours=5))
    assert asked()["made_at"] == first["made_at"]
    happen(mine, trade("buy 1 at 100", 6))
    assert asked()["made_at"] > first["made_at"]
    assert asked()["totals"]["realised"] == "250"


def test_a_transfer_that_arrives_is_a_change(mine):
    happen(mine, transfer("deposit 5 USDT", 1, status="pending"))
    assert asked()["totals"]["deposited"] == "0"
    Transfer.objects.update(status="ok")
    assert asked()["totals"]["deposited"] == "5"


def test_a_long_history_is_left_to_a_worker(mine, monkeypatch):
    sent = []
    monkeypatch.setattr(statements, "AT_ONCE", 3)
    monkeypatch.setattr(tasks.keep_books, "delay", lambda **kwargs: sent.append(kwargs))
    happen(mine, *WORKSHEET)
    client, params = logged_in(), {"environment": "sandbox", "currency": "USDT"}
    answers = [client.get("/api/portfolio/pnl", params) for _ in range(3)]
    told = {"state": "calculating", "rows": 5, "error": "", "again_at": None}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(202, told)] * 3
    # Asked once, though three asked for it.
    [statement] = Statement.objects.all()
    assert sent == [{"statement_id": statement.pk}]
    tasks.keep_books.run(**sent[0])
    assert asked()["totals"]["realised"] == "250"
    happen(mine, trade("sell 1 at 100", 6))
    # It has rested for nine times as long as it took.
    monkeypatch.setattr("apps.portfolio.api.pnl.now", lambda: NOON + timedelta(minutes=1))
    answer = asked()
    assert (answer["current"], answer["complete"], answer["totals"]["realised"]) == (False, False, "250")
    assert len(sent) == 2


def test_what_lacks_a_price_is_current_all_the_same_while_a_worker_looks_again(mine, monkeypatch):
    sent = []
    happen(mine, entry("airdrop", "10 EUR", 2))
    asked()
    monkeypatch.setattr(statements, "AT_ONCE", 0)
    monkeypatch.setattr(tasks.keep_books, "delay", lambda **kwargs: sent.append(kwargs))
    assert (asked()["current"], sent) == (True, [])
    monkeypatch.setattr("apps.portfolio.api.pnl.now", lambda: NOON + timedelta(hours=1))
    assert (asked()["current"], len(sent)) == (True, 1)


def test_a_late_calculation_does_not_take_the_place_of_a_newer_one(mine):
    happen(mine, *WORKSHEET)
    asked()
    [statement] = Statement.objects.all()
    Trade.objects.all().delete()
    bookkeeping.keep(statement, NOON - timedelta(seconds=1))
    assert Statement.objects.get().content["bookings"] == 5


def test_environments_and_workspaces_are_never_mixed(mine):
    happen(mine, *WORKSHEET)
    happen(account("live one", environment=Environment.LIVE), transfer("deposit 7 USDT", 1))
    happen(account("theirs", owner="others"), transfer("deposit 9 USDT", 1))
    assert asked()["totals"]["deposited"] == "1000"
    assert asked(environment="live")["totals"]["deposited"] == "7"
