"""A planted past, read: JSON rows (README) become orders with their fills, and events that moved money."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from alphapulse.sandbox.control_words import Refused
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import OrderType, Side
from alphapulse.sandbox.past_row import Happening, PastEvent, PastFill, PastMove, PastOrder, Row
from alphapulse.sandbox.positions import PositionSide

Json = dict[str, Any]
ZERO = Decimal(0)


def read_rows(exchange: Exchange, rows: Iterable[Json]) -> list[Happening]:
    """Oldest first. Raises Refused."""
    return sorted((_read(exchange, row) for row in rows), key=lambda happening: happening.at_ms)


def _read(exchange: Exchange, fields: Json) -> Happening:
    row = Row(exchange, fields)
    if row.kind not in KINDS[exchange.id]:
        raise Refused(f"{exchange.id} has no history of kind {row.kind!r}; there are {', '.join(KINDS[exchange.id])}")
    happening = _READERS[row.kind](row)
    row.end()
    return happening


def _trade(row: Row) -> PastOrder:
    """An order with one fill, the whole of it unless `order_amount` is more."""
    fill = _fill(row)
    return _order(row, amount=row.amount("order_amount", fill.amount), price=fill.price, at_ms=fill.at_ms, fills=[fill])


def _order_with_fills(row: Row) -> PastOrder:
    at_ms = row.at_ms()
    fills = [_read_fill(row.exchange, fields) for fields in row.rows("fills")]
    return _order(row, amount=row.amount("amount"), price=row.amount("price", ZERO), at_ms=at_ms, fills=fills)


def _read_fill(exchange: Exchange, fields: Json) -> PastFill:
    row = Row(exchange, {"kind": "fill"} | fields)
    fill = _fill(row)
    row.end()
    return fill


def _fill(row: Row) -> PastFill:
    return PastFill(
        at_ms=row.at_ms(),
        price=row.amount("price"),
        amount=row.amount("amount"),
        fee=row.optional_amount("fee"),
        fee_currency=row.text("fee_currency", ""),
        is_maker=row.flag("is_maker"),
    )


def _order(row: Row, *, amount: Decimal, price: Decimal, at_ms: int, fills: list[PastFill]) -> PastOrder:
    if any(not fill.price or not fill.amount for fill in fills) or sum(fill.amount for fill in fills) > amount:
        raise Refused("fills need a price and an amount, and are no more than their order")
    last_ms = max([at_ms, *(fill.at_ms for fill in fills)])
    if any(fill.at_ms < at_ms for fill in fills):
        raise Refused("a fill is not older than its order")
    return PastOrder(
        market=row.market(),
        side=Side(row.text("side")),
        type=OrderType(row.text("type", OrderType.LIMIT)),
        price=price,
        amount=amount,
        at_ms=at_ms,
        closed_ms=max(last_ms, row.at_ms("closed_at", last_ms)),
        client_order_id=row.text("client_order_id", ""),
        position_side=PositionSide(row.text("position_side", PositionSide.BOTH)),
        wallet=row.wallet(default="") if row.has("wallet") else "",
        fills=tuple(sorted(fills, key=lambda fill: fill.at_ms)),
    )


def _deposit(row: Row) -> PastEvent:
    return _one_outside(row, row.amount("amount"), row.details("network", "address", "txid"))


def _withdrawal(row: Row) -> PastEvent:
    """`amount` arrived outside; the fee left on top of it."""
    amount, fee = row.amount("amount"), row.amount("fee", ZERO)
    return _one_outside(row, -amount - fee, {"fee": f"{fee:f}"} | row.details("network", "address", "txid"))


def _transfer(row: Row) -> PastEvent:
    amount, currency = row.amount("amount"), row.text("currency")
    source, target = row.wallet("from"), row.wallet("to")
    moves = (
        PastMove(kind="transfer", wallet=source, currency=currency, amount=-amount),
        PastMove(kind="transfer", wallet=target, currency=currency, amount=amount),
    )
    return PastEvent(at_ms=row.at_ms(), moves=moves)


def _convert(row: Row) -> PastEvent:
    wallet = row.wallet()
    gave, got = row.amount("from_amount"), row.amount("to_amount")
    moves = (
        PastMove(kind="convert", wallet=wallet, currency=row.text("from"), amount=-gave),
        PastMove(kind="convert", wallet=wallet, currency=row.text("to"), amount=got),
    )
    return PastEvent(at_ms=row.at_ms(), moves=moves)


def _dust(row: Row) -> PastEvent:
    """Several coins into one, usually BNB. `got` is what arrived; the fee had been taken off."""
    wallet, target = row.wallet(), row.text("to", "BNB")
    moves: list[PastMove] = []
    for fields in row.rows("coins"):
        coin = Row(row.exchange, {"kind": "dust coin"} | fields)
        fee = f"{coin.amount('fee', ZERO):f}"
        gave, got = coin.amount("amount"), coin.amount("got")
        moves.append(PastMove(kind="dust", wallet=wallet, currency=coin.text("currency"), amount=-gave))
        moves.append(PastMove(kind="dust", wallet=wallet, currency=target, amount=got, details={"fee": fee}))
        coin.end()
    return PastEvent(at_ms=row.at_ms(), moves=tuple(moves))


def _reward(row: Row) -> PastEvent:
    """Of simple-earn: `product` flexible or locked, `type` REALTIME, BONUS or REWARDS."""
    product = {"product": row.text("product", "flexible"), "type": row.text("type", "REALTIME")}
    return _one(row, row.amount("amount"), details=product)


def _airdrop(row: Row) -> PastEvent:
    return _one(row, row.amount("amount"), details=row.details("info"))


def _rebate(row: Row) -> PastEvent:
    return _one(row, row.amount("amount"), details=row.details("info"))


def _interest(row: Row) -> PastEvent:
    """What borrowing cost: at Binance it is owed on cross margin, elsewhere taken at once."""
    default = "margin" if row.exchange.id == "binance" else None
    return _one(row, -row.amount("amount"), default, details=row.details("principal", "rate", "type"))


def _funding(row: Row) -> PastEvent:
    """Positive was received, negative was paid."""
    market, amount = row.market(MarketKind.LINEAR), row.amount("amount", signed=True)
    wallet = row.exchange.wallets[market.kind]
    move = PastMove(kind="funding", wallet=wallet, currency=market.settle, amount=amount, market=market.id)
    return PastEvent(at_ms=row.at_ms(), moves=(move,))


def _fiat(row: Row) -> PastEvent:
    """Money from a bank or to one: `amount` arrived, the fee is on top of it."""
    amount, fee = row.amount("amount"), row.amount("fee", ZERO)
    change = amount if row.kind == "fiat_deposit" else -amount - fee
    return _one(row, change, details={"fee": f"{fee:f}"} | row.details("method"))


def _purchase(row: Row) -> PastEvent:
    """A currency bought with a card, or sold to one: the fiat side never is in a wallet."""
    amount = row.amount("amount")
    paid = {"fee": f"{row.amount('fee', ZERO):f}", "fiat": row.text("fiat")}
    paid["fiat_amount"] = f"{row.amount('fiat_amount'):f}"
    return _one(row, amount if row.kind == "purchase" else -amount, details=paid | row.details("method"))


def _one_outside(row: Row, amount: Decimal, details: dict[str, str]) -> PastEvent:
    event = _one(row, amount, details=details)
    [move] = event.moves
    if move.wallet not in row.exchange.outside:
        raise Refused(f"a {row.kind} does not reach {move.wallet}: plant a transfer, too")
    return event


def _one(row: Row, amount: Decimal, wallet: str | None = None, *, details: dict[str, str]) -> PastEvent:
    move = PastMove(
        kind=row.kind, wallet=row.wallet(default=wallet), currency=row.text("currency"), amount=amount, details=details
    )
    return PastEvent(at_ms=row.at_ms(), moves=(move,))


_READERS: dict[str, Callable[[Row], Happening]] = {
    "trade": _trade,
    "order": _order_with_fills,
    "deposit": _deposit,
    "withdrawal": _withdrawal,
    "transfer": _transfer,
    "convert": _convert,
    "dust": _dust,
    "reward": _reward,
    "airdrop": _airdrop,
    "rebate": _rebate,
    "interest": _interest,
    "funding": _funding,
    "fiat_deposit": _fiat,
    "fiat_withdrawal": _fiat,
    "purchase": _purchase,
    "sale": _purchase,
}
_NOT_AT_BYBIT = {"dust", "purchase", "sale", "fiat_deposit", "fiat_withdrawal"}
KINDS = {"binance": tuple(_READERS), "bybit": tuple(kind for kind in _READERS if kind not in _NOT_AT_BYBIT)}
