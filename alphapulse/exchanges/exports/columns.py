"""Which columns make which event. Their names are those of the export, `One|Other` where exports differ; an empty name
is a column that there is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from alphapulse import money
from alphapulse.exchanges.exports.row import Row
from alphapulse.exchanges.exports.shapes import Item, Left
from alphapulse.exchanges.exports.symbols import Desk, Named
from alphapulse.exchanges.fingerprint import stand_in_id
from alphapulse.exchanges.parse import ORDER_STATUSES
from alphapulse.exchanges.parse_history import TRANSFER_STATUSES, transfer_key
from alphapulse.money import ZERO
from alphapulse.types import (
    FundingPayment,
    LedgerEntry,
    LedgerKind,
    Order,
    OrderStatus,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferStatus,
)

# What has no id of the exchange's is named by what it says, once the whole file is read: see `fingerprint.with_ids`.
UNNAMED = ""

_DIVISION = Context(prec=money.MAX_DIGITS // 2)

SIDES = {
    **dict.fromkeys(("buy", "long", "open long", "close short"), Side.BUY),
    **dict.fromkeys(("sell", "short", "open short", "close long"), Side.SELL),
}
# As the API's rows say it, and as files do.
_STATUSES = {**TRANSFER_STATUSES, "successful": TransferStatus.OK, "credited": TransferStatus.OK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Which market a row is of. Its currencies are taken from the row where it says them: in columns of their own, or
    beside an `amount` of the base, `0.5BTC`.
    """

    column: str
    desk: Desk = Desk.SPOT
    base: str = ""
    quote: str = ""
    amount: str = ""

    def of(self, row: Row) -> Named:
        pair = row.text(self.column)
        base, quote = row.optional(self.base), row.optional(self.quote)
        if not base and (base := _base_beside(pair, row.optional(self.amount))):
            quote = pair.replace("/", "").removeprefix(base)
        named = row.sheet.symbols.find(pair, self.desk, base=base, quote=quote)
        if not named.is_listed:
            row.note(row.sheet.symbols.doubt(pair, named))
        return named


def _base_beside(pair: str, amount: str) -> str:
    """The longest beginning of the pair with which the amount ends: the unit of `11INCH` is `1INCH` in `1INCHUSDT`."""
    name = pair.replace("/", "")
    return next((name[:size] for size in range(len(name) - 1, 0, -1) if amount.endswith(name[:size])), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """`columns`: the first that says something. Its currency stands beside it, or in `currency`, or `usual` says it."""

    columns: Sequence[str]
    currency: str = ""
    usual: str = ""

    def of(self, row: Row, named: Named, side: Side) -> tuple[Decimal | None, str | None]:
        column = next((column for column in self.columns if row.optional(column)), "")
        if not column:
            return None, None
        fee, unit = row.with_unit(column, (named.base, named.quote))
        code = unit or row.optional(self.currency) or self._usual(named, side)
        return fee, row.sheet.symbols.currency(code) if code else None

    def _usual(self, named: Named, side: Side) -> str:
        if self.usual == "received":
            return named.base if side is Side.BUY else named.quote
        return {"quote": named.quote, "settle": named.settle or ""}.get(self.usual, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades:
    """`id_length`: shorter ids are shortened ones, which name nothing."""

    pair: Pair
    side: str
    price: str
    amount: str
    fee: Fee
    cost: str = ""
    trade_id: str = ""
    order_id: str = ""
    maker: str = ""
    id_length: int = 1

    def read(self, row: Row) -> Iterator[Item]:
        side = row.word(self.side, SIDES)
        named = self.pair.of(row)
        price, _ = row.with_unit(self.price, (named.quote,))
        amount, _ = row.with_unit(self.amount, (named.base,))
        fee, fee_currency = self.fee.of(row, named, side)
        yield Trade(
            trade_id=named_or_not(row, self.trade_id, self.id_length),
            order_id=whole_id(row, self.order_id, self.id_length) or None,
            symbol=named.symbol,
            side=side,
            price=price,
            amount=amount,
            cost=self._cost(row, named, price, amount),
            fee=fee,
            fee_currency=fee_currency,
            is_maker={"true": True, "false": False}.get(row.optional(self.maker).lower()),
            exchange_at=row.at(),
        )

    def _cost(self, row: Row, named: Named, price: Decimal, amount: Decimal) -> Decimal:
        if row.optional(self.cost):
            return row.with_unit(self.cost, (named.quote,))[0]
        if named.is_inverse:
            return _DIVISION.divide(amount, price)
        return _DIVISION.multiply(price, amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    pair: Pair
    order_id: str
    side: str
    status: str
    amount: str
    filled: str
    price: str
    average: str
    cost: str
    type: str = ""
    client_order_id: str = ""

    def read(self, row: Row) -> Iterator[Item]:
        word = row.text(self.status)
        status = ORDER_STATUSES.get(word.lower().replace(" ", "_"))
        if status is None or status is OrderStatus.OPEN:
            yield Left(f"orders of status {word!r}: how they end is not known from this file")
            return
        named = self.pair.of(row)
        amount, filled = self._amount(row, self.amount, named.base), self._amount(row, self.filled, named.base)
        yield Order(
            order_id=row.text(self.order_id),
            client_order_id=row.optional(self.client_order_id) or None,
            symbol=named.symbol,
            side=row.word(self.side, SIDES),
            type=row.optional(self.type).lower() or None,
            status=status,
            amount=amount,
            filled=filled,
            remaining=None if amount is None or filled is None else money.subtract(amount, filled),
            price=self._amount(row, self.price, named.quote) or None,
            average=self._amount(row, self.average, named.quote) or None,
            cost=self._amount(row, self.cost, named.quote),
            exchange_at=row.at(),
        )

    def _amount(self, row: Row, column: str, unit: str) -> Decimal | None:
        return row.with_unit(column, (unit,))[0] if row.optional(column) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    kind: TransferKind
    currency: str
    amount: str
    fee: str = ""
    network: str = ""
    address: str = ""
    txid: str = ""
    status: str = ""
    # What the API calls it, too; and what only the file calls it.
    transfer_id: str = ""
    own_id: str = ""

    def read(self, row: Row) -> Iterator[Item]:
        word = row.optional(self.status)
        status = _STATUSES.get(word.lower()) if self.status else TransferStatus.OK
        if status in (None, TransferStatus.PENDING):
            yield Left(f"transfers of status {word!r}: the API tells what became of them")
            return
        currency, fee = row.sheet.symbols.currency(row.text(self.currency)), row.optional_amount(self.fee)
        txid, address = row.optional(self.txid), row.optional(self.address)
        yield Transfer(
            transfer_id=transfer_key(
                self.kind,
                currency=currency,
                txid=txid,
                address=address,
                exchange_id=row.optional(self.transfer_id),
            )
            or own_or_none(row, self.own_id),
            kind=self.kind,
            currency=currency,
            amount=money.size(row.amount(self.amount)),
            fee=fee,
            fee_currency=currency if fee is not None else None,
            status=status,
            from_wallet=None,
            to_wallet=None,
            network=row.optional(self.network) or None,
            address=address or None,
            txid=txid or None,
            exchange_at=row.at(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """Funding, which is paid at the full hour. `is_paid`: the column holds what was paid: what was got is negative."""

    pair: Pair
    amount: str
    currency: str = ""
    own_id: str = ""
    is_paid: bool = False

    def read(self, row: Row) -> Iterator[Item]:
        named, amount = self.pair.of(row), row.amount(self.amount)
        code = row.optional(self.currency) or named.settle or named.quote
        yield FundingPayment(
            payment_id=stand_in_id(row.optional(self.own_id)),
            symbol=named.symbol,
            currency=row.sheet.symbols.currency(code),
            amount=money.negated(amount) if self.is_paid else amount,
            exchange_at=row.at(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """`fee`: a column that is taken off the amount. `is_unknown`: a word nobody has seen yet; kept, and told."""

    kind: LedgerKind
    currency: str
    amount: str
    fee: str = ""
    own_id: str = ""
    reference: str = ""
    said_in: str = ""
    is_unknown: bool = False

    def read(self, row: Row) -> Iterator[Item]:
        if self.is_unknown:
            word = row.optional(self.said_in)
            row.note(f"{word!r} is not known: kept as kind 'other'" if word else "no word: kept as kind 'other'")
        yield LedgerEntry(
            entry_id=own_or_none(row, self.own_id),
            kind=self.kind,
            currency=row.sheet.symbols.currency(row.text(self.currency)),
            amount=money.subtract(row.amount(self.amount), row.optional_amount(self.fee) or ZERO),
            reference=row.optional(self.reference) or None,
            exchange_at=row.at(),
        )


def whole_id(row: Row, column: str, length: int = 1) -> str:
    found = row.optional(column)
    return found if len(found) >= length else ""


def own_or_none(row: Row, column: str) -> str:
    """An id of ours, made of what only the file calls the row; none where it calls it nothing."""
    return stand_in_id(row.optional(column)) or named_or_not(row)


def named_or_not(row: Row, column: str = "", length: int = 1) -> str:
    """The exchange's own id; without one the row must tell its second, or nothing would tell it from the API's."""
    if found := whole_id(row, column, length):
        return found
    if row.at() and not row.has_seconds():
        raise row.refuse(
            column or row.sheet.at,
            "neither a whole id nor a time with seconds: it could not be told from what the API brings. "
            "Export it with whole ids, or with full times.",
        )
    return UNNAMED
