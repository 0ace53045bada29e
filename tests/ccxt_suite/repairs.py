"""What has to be mended in ccxt's harness before its Python form can run at all.

The harness is written in TypeScript and translated. Its test of createOrder was never run in Python upstream: the
translation adds strings to numbers, forgets imports, indexes the exchange like a JavaScript object, rounds in a way
that ccxt's Python refuses and leaves the helpers that ask the exchange without `await`. Each repair below is about
the harness, none about the client or about what is asserted; a repair that finds nothing to mend stops the suite,
because ccxt has changed then.
"""

from pathlib import Path

Repair = tuple[str, str]

_IMPORTS: Repair = (
    "from ccxt.base.precise import Precise  # noqa E402\n",
    "from ccxt.base.precise import Precise  # noqa E402\nimport math\nimport time\nError = Exception\n",
)
# JavaScript turns numbers into text when it adds them to text.
_NUMBERS_AS_TEXT: list[Repair] = [
    ("'/' + initial_quote_balance + ' '", "'/' + str(initial_quote_balance) + ' '"),
    ("' ' + amount + ' ' + price + ' ' + exchange.json(params)", "f' {amount} {price} ' + exchange.json(params)"),
    ("str((exchange['id']))", "exchange.id"),
]
# ccxt's Python cannot round up; one step more, rounded down, is the same or a step above.
_ROUND_UP: Repair = (
    "exchange.decimal_to_precision(final_amount, 2, ",
    "exchange.decimal_to_precision(final_amount + amount_precision, 0, ",
)
CREATE_ORDER = [_IMPORTS, *_NUMBERS_AS_TEXT, _ROUND_UP]

_AWAITED = "ccxt.test.exchange.base import awaited_shared_methods"
CREATE_ORDER_ASYNC: list[Repair] = [
    *CREATE_ORDER,
    (
        "from ccxt.test.exchange.base import test_order  # noqa E402\n",
        f"from ccxt.test.exchange.base import test_order  # noqa E402\nfrom {_AWAITED}\n",
    ),
    ("await test_shared_methods.fetch_best_bid_ask(", "await awaited_shared_methods.fetch_best_bid_ask("),
    ("await test_shared_methods.fetch_order(", "await awaited_shared_methods.fetch_order("),
]

SHARED_METHODS: list[Repair] = [
    ("exchange[singular_fetch_name](", "getattr(exchange, singular_fetch_name)("),
    ("exchange[plural_fetch_name](", "getattr(exchange, plural_fetch_name)("),
]
AWAITED_SHARED_METHODS: list[Repair] = [
    ("def fetch_best_bid_ask(", "async def fetch_best_bid_ask("),
    ("orderbook = exchange.fetch_order_book(", "orderbook = await exchange.fetch_order_book("),
    ("tickers = exchange.fetch_bids_asks(", "tickers = await exchange.fetch_bids_asks("),
    ("ticker = exchange.fetch_ticker(", "ticker = await exchange.fetch_ticker("),
    ("tickers = exchange.fetch_tickers(", "tickers = await exchange.fetch_tickers("),
    ("def fetch_order(", "async def fetch_order("),
    ("current_order = getattr(", "current_order = await getattr("),
    ("orders = getattr(", "orders = await getattr("),
]

# One list too many round the symbol, which JavaScript forgives.
_LEVERAGE_TIERS: Repair = ("'fetchLeverageTiers': [[symbol]],", "'fetchLeverageTiers': [symbol],")

# createOrder needs the first symbol flat, and fetchPositions fails on a symbol without a position, on the real
# exchanges too. So positions are looked at in the second symbol, where our accounts have one.
_POSITIONS: Repair = ("tests['fetchPositions'] = [symbol]  #", "tests['fetchPositions'] = [symbols[1]]  #")

# The harness compares binance's address with the real one *after* it has read ours: first compare, then read.
_SETTINGS = "        self.expand_settings(exchange)\n"
_COMPARE = "        self.check_constructor(exchange)\n"


class NothingToRepair(Exception):
    """ccxt's harness is not what these repairs were written for."""


def repair(tests: Path) -> None:
    shared = tests / "exchange" / "base" / "test_shared_methods.py"
    _mend(shared, SHARED_METHODS)
    awaited = shared.with_name("awaited_shared_methods.py")
    awaited.write_text(shared.read_text())
    _mend(awaited, AWAITED_SHARED_METHODS)
    _mend(tests / "exchange" / "sync" / "test_create_order.py", CREATE_ORDER)
    _mend(tests / "exchange" / "async" / "test_create_order.py", CREATE_ORDER_ASYNC)
    for name in ("tests_sync.py", "tests_async.py"):
        _mend(tests / name, [_LEVERAGE_TIERS, _POSITIONS, (_COMPARE, ""), (_SETTINGS, _COMPARE + _SETTINGS)])


def _mend(path: Path, repairs: list[Repair]) -> None:
    text = path.read_text()
    for broken, mended in repairs:
        if broken not in text:
            raise NothingToRepair(f"{path.name} no longer has {broken!r}")
        text = text.replace(broken, mended)
    path.write_text(text)
