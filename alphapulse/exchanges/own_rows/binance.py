"""Binance's books beside its trades: converts, dust, dividends, earn, interest, cards, rebates, futures income."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from alphapulse.exchanges.history import Event
from alphapulse.exchanges.parse import named, text
from alphapulse.exchanges.parse_history import (
    TRANSFER_STATUSES,
    Names,
    Raw,
    Reader,
    identity,
    transfer_key,
    when,
)
from alphapulse.money import negated, to_decimal
from alphapulse.types import LedgerEntry, LedgerKind, Transfer, TransferKind

_WALLETS = {"MAIN": "spot", "FUNDING": "funding", "MARGIN": "margin", "UMFUTURE": "usdm", "CMFUTURE": "coinm"}


def _entry(
    row: Raw,
    names: Names,
    entry_id: str,
    *,
    kind: LedgerKind,
    currency: str,
    amount: Decimal,
    time: str,
    reference: str | None = None,
) -> LedgerEntry:
    return LedgerEntry(
        entry_id=f"{names.source}:{entry_id}",
        kind=kind,
        currency=names.currency(text(row, currency)),
        amount=amount,
        reference=reference,
        exchange_at=when(row, time),
    )


def transfer(row: Raw, names: Names) -> Sequence[Event]:
    return (named(f"transfer {row.get('tranId')}", _transfer, row, names),)


def _transfer(row: Raw, names: Names) -> Transfer:
    currency = names.currency(text(row, "asset"))
    source, target = text(row, "type").split("_")
    return Transfer(
        transfer_id=transfer_key(
            TransferKind.INTERNAL, currency=currency, txid="", address="", exchange_id=identity(row, "tranId")
        ),
        kind=TransferKind.INTERNAL,
        currency=currency,
        amount=to_decimal(row["amount"]),
        fee=None,
        fee_currency=None,
        status=TRANSFER_STATUSES[text(row, "status").lower()],
        from_wallet=_WALLETS[source],
        to_wallet=_WALLETS[target],
        network=None,
        address=None,
        txid=None,
        exchange_at=when(row, "timestamp"),
    )


def convert(row: Raw, names: Names) -> Sequence[Event]:
    """What was given and what was got; nothing where it failed or is not done yet."""
    return named(f"convert {row.get('orderId')}", _convert, row, names)


def _convert(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    if text(row, "orderStatus") != "SUCCESS":
        return ()
    return _exchanged(
        row,
        names,
        identity(row, "orderId"),
        kind=LedgerKind.CONVERT,
        gave=("fromAsset", negated(to_decimal(row["fromAmount"]))),
        got=("toAsset", to_decimal(row["toAmount"])),
        time="createTime",
    )


def _exchanged(
    row: Raw,
    names: Names,
    number: str,
    *,
    kind: LedgerKind,
    gave: tuple[str, Decimal],
    got: tuple[str, Decimal],
    time: str,
) -> Sequence[LedgerEntry]:
    return tuple(
        _entry(row, names, f"{number}:{end}", kind=kind, currency=field, amount=amount, time=time, reference=number)
        for end, (field, amount) in (("from", gave), ("to", got))
    )


def dust(row: Raw, names: Names) -> Sequence[Event]:
    """Each coin that was given, and what came for it; the service charge is taken off that already."""
    return named(f"dust conversion {row.get('transId')}", _dust, row, names)


def _dust(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    number = identity(row, "transId")
    found: list[LedgerEntry] = []
    for part in row["userAssetDribbletDetails"]:
        part = {"targetAsset": "BNB", **part}
        found += _exchanged(
            part,
            names,
            f"{number}:{text(part, 'fromAsset')}",
            kind=LedgerKind.DUST,
            gave=("fromAsset", negated(to_decimal(part["amount"]))),
            got=("targetAsset", to_decimal(part["transferedAmount"])),
            time="operateTime",
        )
    return [replace(entry, reference=number) for entry in found]


def dividend(row: Raw, names: Names) -> Sequence[Event]:
    """What Binance hands out. `direction` -1 is what it took back."""
    return (named(f"dividend {row.get('id')}", _dividend, row, names),)


def _dividend(row: Raw, names: Names) -> LedgerEntry:
    amount = to_decimal(row["amount"])
    about = str(row.get("enInfo") or "").lower()
    is_airdrop = any(word in about for word in ("airdrop", "distribution", "launchpool", "megadrop", "voucher"))
    return _entry(
        row,
        names,
        identity(row, "id"),
        kind=LedgerKind.AIRDROP if is_airdrop else LedgerKind.REWARD,
        currency="asset",
        amount=negated(amount) if str(row.get("direction")) == "-1" else amount,
        time="divTime",
        reference=str(row.get("tranId") or "") or None,
    )


def flexible_reward(row: Raw, names: Names) -> Sequence[Event]:
    return (named("reward of flexible earn", _reward, row, names, "rewards", "projectId"),)


def locked_reward(row: Raw, names: Names) -> Sequence[Event]:
    return (named("reward of locked earn", _reward, row, names, "amount", "positionId"),)


def _reward(row: Raw, names: Names, amount: str, product: str) -> LedgerEntry:
    marks = (text(row, "asset"), identity(row, product), row.get("type"), identity(row, "time"), row[amount])
    return _entry(
        row,
        names,
        ":".join(str(mark) for mark in marks if mark),
        kind=LedgerKind.REWARD,
        currency="asset",
        amount=to_decimal(row[amount]),
        time="time",
    )


def interest(row: Raw, names: Names) -> Sequence[Event]:
    """What borrowing on margin cost: it is added to the debt."""
    return (named(f"interest {row.get('txId')}", _interest, row, names),)


def _interest(row: Raw, names: Names) -> LedgerEntry:
    return _entry(
        row,
        names,
        identity(row, "txId"),
        kind=LedgerKind.INTEREST,
        currency="asset",
        amount=negated(to_decimal(row["interest"])),
        time="interestAccuredTime",
    )


def card(row: Raw, names: Names) -> Sequence[Event]:
    """Bought or sold for fiat. A card's money never was in the account; that of the cash balance was."""
    return named(f"payment {row.get('orderNo')}", _card, row, names)


_CASH = "cash balance"


def _card(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    if text(row, "status") != "Completed":
        return ()
    gave, got = negated(to_decimal(row["sourceAmount"])), to_decimal(row["obtainAmount"])
    is_sale = names.source == "sales"
    ends = _exchanged(
        row,
        names,
        identity(row, "orderNo"),
        kind=LedgerKind.FIAT,
        gave=("cryptoCurrency" if is_sale else "fiatCurrency", gave),
        got=("fiatCurrency" if is_sale else "cryptoCurrency", got),
        time="createTime",
    )
    if str(row.get("paymentMethod") or "").lower() == _CASH:
        return ends
    return ends[:1] if is_sale else ends[1:]


def rebate(row: Raw, names: Names) -> Sequence[Event]:
    return (named("rebate", _rebate, row, names),)


def _rebate(row: Raw, names: Names) -> LedgerEntry:
    marks = (text(row, "asset"), identity(row, "type"), identity(row, "updateTime"), row["amount"])
    return _entry(
        row,
        names,
        ":".join(str(mark) for mark in marks),
        kind=LedgerKind.REBATE,
        currency="asset",
        amount=to_decimal(row["amount"]),
        time="updateTime",
    )


INCOME_KINDS: Mapping[str, LedgerKind] = {
    **dict.fromkeys(("WELCOME_BONUS", "CONTEST_REWARD", "BFUSD_REWARD"), LedgerKind.REWARD),
    **dict.fromkeys(("REFERRAL_KICKBACK", "COMMISSION_REBATE", "API_REBATE", "FEE_RETURN"), LedgerKind.REBATE),
    **dict.fromkeys(("COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW", "AUTO_EXCHANGE"), LedgerKind.CONVERT),
    "POSITION_LIMIT_INCREASE_FEE": LedgerKind.FEE,
}


def income(row: Raw, names: Names) -> Sequence[Event]:
    """What moved a futures wallet. Ids are unique among rows of one type."""
    return (named(f"income {row.get('tranId')}", _income, row, names),)


def _income(row: Raw, names: Names) -> LedgerEntry:
    kind, number = text(row, "incomeType"), identity(row, "tranId")
    return _entry(
        row,
        names,
        f"{kind}:{number}:{text(row, 'asset')}",
        kind=INCOME_KINDS.get(kind, LedgerKind.OTHER),
        currency="asset",
        amount=to_decimal(row["income"]),
        time="time",
        reference=number,
    )


READERS: Mapping[str, Reader] = {
    "binance_transfer": transfer,
    "binance_convert": convert,
    "binance_dust": dust,
    "binance_dividend": dividend,
    "binance_flexible_reward": flexible_reward,
    "binance_locked_reward": locked_reward,
    "binance_interest": interest,
    "binance_card": card,
    "binance_rebate": rebate,
    "binance_income": income,
}
