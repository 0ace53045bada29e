import pytest

from alphapulse.exchanges.exports.kraken import CODES
from alphapulse.exchanges.exports.symbols import Desk, Symbols
from tests.alphapulse.exchanges.exports.files import MARKETS, market

NOBODY_KNOWS = Symbols(())
LISTED = Symbols(MARKETS)


def test_a_pair_is_what_the_exchange_lists_it_as_on_spot_and_for_contracts():
    assert LISTED.find("BTCUSDT", Desk.SPOT).symbol == "BTC/USDT"
    assert LISTED.find("BTCUSDT", Desk.CONTRACTS).symbol == "BTC/USDT:USDT"
    assert LISTED.find("btc/usdt", Desk.SPOT).is_listed


@pytest.mark.parametrize(
    ("pair", "symbol"),
    [
        ("LUNABUSD", "LUNA/BUSD"),
        ("BTC-EUR", "BTC/EUR"),
        ("1000SATSFDUSD", "1000SATS/FDUSD"),
        ("BTCTUSD", "BTC/TUSD"),
        ("WHATEVER", "WHATEVER"),
    ],
)
def test_a_delisted_pair_is_split_by_what_is_known_of_quotes(pair, symbol):
    named = NOBODY_KNOWS.find(pair, Desk.SPOT)
    assert (named.symbol, named.is_listed) == (symbol, False)


@pytest.mark.parametrize(
    ("pair", "symbol"),
    [
        ("SOLUSDT", "SOL/USDT:USDT"),
        ("BTCPERP", "BTC/USDC:USDC"),
        ("DOTUSD", "DOT/USD:DOT"),
        ("BTCUSD_PERP", "BTC/USD:BTC"),
        ("BTCUSDT_240628", "BTC/USDT:USDT-240628"),
    ],
)
def test_a_delisted_contract_gets_its_symbol_too(pair, symbol):
    assert NOBODY_KNOWS.find(pair, Desk.CONTRACTS).symbol == symbol


def test_of_two_ways_to_split_a_pair_the_one_with_a_known_currency_is_taken():
    assert Symbols([market("DO/USDT", "DOUSDT")]).find("DOTUSD", Desk.SPOT).symbol == "DO/TUSD"
    assert Symbols([market("DOT/USDT", "DOTUSDT")]).find("DOTUSD", Desk.SPOT).symbol == "DOT/USD"
    assert Symbols([market("BTC/USDT", "BTCUSDT")]).find("BTCAEUR", Desk.SPOT).symbol == "BTC/AEUR"
    assert NOBODY_KNOWS.find("ADAEUR", Desk.SPOT).symbol == "ADA/EUR"


def test_what_a_row_says_of_its_currencies_is_stronger_than_todays_list():
    """The name went to another pair of coins since."""
    listed_today = Symbols([market("AB/CUSDT", "ABCUSDT")])
    assert listed_today.find("ABCUSDT", Desk.SPOT, base="ABC", quote="USDT").symbol == "ABC/USDT"


def test_krakens_names_for_currencies_are_everybodys():
    kraken = Symbols([market("BTC/EUR", "XXBTZEUR")], CODES)
    assert kraken.find("XXBTZEUR", Desk.SPOT).is_listed
    assert kraken.find("XBTEUR", Desk.SPOT).is_listed
    assert kraken.find("XETHZUSD", Desk.SPOT).symbol == "ETH/USD"
    assert kraken.find("XDG/USD", Desk.SPOT).symbol == "DOGE/USD"
    assert [kraken.currency(code) for code in ("ZEUR", "ETH2.S", "DOT28.S", "XBT.M", "SOL")] == [
        *("EUR", "ETH2.S", "DOT28.S", "BTC.M", "SOL")
    ]
