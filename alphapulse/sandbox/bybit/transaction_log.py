"""/v5/account/transaction-log: everything that moved money in the unified wallet, and what was left after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from alphapulse.money import plain
from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.listings import category_of
from alphapulse.sandbox.bybit.paging import day_window, page
from alphapulse.sandbox.orders import Trade

ZERO = Decimal(0)
_TYPES = {
    "trade": "TRADE",
    "profit": "TRADE",
    "fee": "TRADE",
    "funding": "SETTLEMENT",
    "interest": "INTEREST",
    "airdrop": "AIRDROP",
    "reward": "BONUS",
    "rebate": "FEE_REFUND",
}
_BY_SIGN = {"convert": ("CURRENCY_BUY", "CURRENCY_SELL")}
_MOVED = ("TRANSFER_IN", "TRANSFER_OUT")

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Line:
    """What one event did to one coin: the entries of a fill together, everything else by itself."""

    entries: tuple[Entry, ...]
    after: Decimal

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def change(self) -> Decimal:
        return sum((entry.amount for entry in self.entries), ZERO)

    @property
    def fee(self) -> Decimal:
        return -sum((entry.amount for entry in self.entries if entry.kind == "fee"), ZERO)

    @property
    def type(self) -> str:
        kind = self.first.kind
        got, gave = _BY_SIGN.get(kind, _MOVED)
        return _TYPES.get(kind) or (got if self.change > 0 else gave)


def transaction_log(ask: SignedAsk) -> Row:
    """A day unless both times are given, then seven days at most. Newest first."""
    ask.check_wallet(UNIFIED)
    start, end = day_window(ask.params, ask.now_ms)
    kind, coin, category = (ask.params.text(name) for name in ("type", "currency", "category"))
    trades = {str(trade.id): trade for trade in ask.account.trades}
    lines = [
        line
        for line in _newest_first(ask)
        if start <= line.first.at_ms <= end
        and coin in (None, line.first.currency)
        and kind in (None, line.type)
        and category in (None, _category(line.first, trades))
        and ask.exchange.memory.keeps_line(line.first, ask.now_ms)
    ]
    found = page(lines, ask.params, key=lambda line: line.first.id, default=20, most=50)
    return {"list": [_shown(line, trades) for line in found.rows], "nextPageCursor": found.cursor}


def _newest_first(ask: SignedAsk) -> Iterator[_Line]:
    """Balances after each event, counted back from what is there now."""
    left: dict[str, Decimal] = {}
    own = [entry for entry in ask.account.entries if entry.wallet == UNIFIED]
    for (_event, coin), group in groupby(
        reversed(own), key=lambda entry: (entry.reference or entry.id, entry.currency)
    ):
        entries = tuple(group)[::-1]
        after = left.get(coin, ask.account.held(UNIFIED, coin).total)
        line = _Line(entries, after)
        left[coin] = after - line.change
        yield line


def _category(entry: Entry, trades: dict[str, Trade]) -> str:
    if entry.kind == "funding":
        return "linear"
    trade = trades.get(entry.reference)
    return category_of(trade.market).value if trade else ""


def _shown(line: _Line, trades: dict[str, Trade]) -> Row:
    entry, trade = line.first, trades.get(line.first.reference)
    is_funding = entry.kind == "funding"
    return {
        "id": str(entry.id),
        "symbol": entry.market,
        "category": _category(entry, trades),
        "side": trade.side.value.capitalize() if trade else "None",
        "transactionTime": str(entry.at_ms),
        "type": line.type,
        "transSubType": "",
        "qty": plain(trade.amount) if trade else "",
        "size": "",
        "currency": entry.currency,
        "tradePrice": plain(trade.price) if trade else "",
        "funding": plain(line.change) if is_funding else "",
        "fee": plain(line.fee),
        "cashFlow": "0" if is_funding else plain(line.change + line.fee),
        "change": plain(line.change),
        "cashBalance": plain(line.after),
        "feeRate": "",
        "bonusChange": "",
        "tradeId": str(trade.id) if trade else "",
        "orderId": str(trade.order_id) if trade else "",
        "orderLinkId": "",
    }
