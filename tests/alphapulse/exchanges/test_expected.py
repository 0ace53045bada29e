import pytest

from alphapulse.exchanges import expected as likely
from alphapulse.exchanges.expected import Listed, is_hint, names_in, names_of
from tests.events import entry, funding, order, trade, transfer


def listed(symbol: str) -> Listed:
    pair, _, settle = symbol.partition(":")
    base, quote = pair.split("/")
    return Listed(symbol, base, quote, settle)


def expected(markets: list[Listed], seen: set[str], here: set[str] | None = None) -> list[str]:
    return likely.expected(markets, seen, seen if here is None else here)


SPOT = [listed(f"{base}/{quote}") for base in ("BTC", "ETH", "SOL", "DOGE", "PEPE") for quote in ("USDT", "BTC", "EUR")]
RARE = listed("BTC/ZAR")
# So many markets that one in rands is less than one in twenty.
MANY = [*SPOT, *(listed(f"X{number}/USDT") for number in range(30)), RARE]
SWAPS = [listed(f"{base}/{quote}:{quote}") for base in ("BTC", "ETH") for quote in ("USDT", "USDC")]


def test_what_was_held_may_have_been_bought_with_any_main_quote():
    assert expected(MANY, {"ETH"}) == ["ETH/USDT", "ETH/BTC", "ETH/EUR"]


def test_a_rare_quote_is_expected_only_where_it_was_seen():
    assert RARE.symbol not in expected(MANY, {"BTC", "USDT"})
    assert RARE.symbol in expected(MANY, {"BTC", "ZAR"})


def test_nothing_is_expected_of_an_account_that_has_seen_nothing():
    assert expected(MANY, set()) == []


def test_a_contract_is_expected_where_its_base_and_its_money_were_seen_or_it_itself():
    assert expected(SWAPS, {"BTC", "USDT"}) == ["BTC/USDT:USDT"]
    assert expected(SWAPS, {"BTC"}) == []
    assert expected(SWAPS, {"ETH/USDC:USDC"}) == ["ETH/USDC:USDC"]


def test_a_wallet_with_money_of_its_own_is_asked_for_what_was_seen_in_it():
    seen = {"BTC", "ETH", "USDT", "BTC/USDT"}
    assert expected(SPOT, seen, here={"ETH"}) == ["ETH/USDT", "ETH/BTC", "ETH/EUR"]
    assert expected(SPOT, seen, here=set()) == []
    assert expected(SWAPS, seen, here=set()) == []
    # The base of a contract is never there: it is in mind, or in the spot wallet.
    assert expected(SWAPS, seen, here={"USDC"}) == ["BTC/USDC:USDC", "ETH/USDC:USDC"]


@pytest.mark.parametrize(
    ("symbol", "names"),
    [
        ("BTC", {"BTC"}),
        ("BTC/USDT", {"BTC/USDT", "BTC", "USDT"}),
        ("BTC/USDT:USDT", {"BTC/USDT:USDT", "USDT"}),
        ("BTC/USD:BTC-261225", {"BTC/USD:BTC-261225", "BTC"}),
    ],
)
def test_a_symbol_tells_which_currencies_were_had(symbol, names):
    assert names_in(symbol) == names


def test_events_tell_what_they_moved():
    assert names_of([trade("1", "BTC/USDT", fee_currency="BNB")]) == {"BTC/USDT", "BTC", "USDT", "BNB"}
    assert names_of([order("1", "ETH/EUR")]) == {"ETH/EUR", "ETH", "EUR"}
    assert names_of([transfer("1", "SOL"), entry("1", "ADA")]) == {"SOL", "ADA"}
    assert names_of([funding("1", "BTC/USDT:USDT")]) == {"BTC/USDT:USDT", "USDT"}


def test_a_market_is_looked_at_again_when_its_base_moved_and_not_for_its_quote_alone():
    assert is_hint("BTC/USDT", {"BTC"})
    assert not is_hint("BTC/USDT", {"USDT"})
    assert is_hint("BTC/USDT:USDT", {"BTC/USDT:USDT"})
    assert not is_hint("BTC/USDT:USDT", {"BTC"})
