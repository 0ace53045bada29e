"""Money on the move: between the two wallets, from outside and out again, and from one coin to another."""

from decimal import Decimal
from itertools import pairwise

from alphapulse.money import plain
from alphapulse.sandbox.accounts import Entry
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.paging import page, record_window, time_window
from alphapulse.sandbox.bybit.risk import coin_risk
from alphapulse.sandbox.bybit.wallets import WALLETS
from alphapulse.sandbox.orders import Rejection

Row = dict[str, object]


def transfer(ask: SignedAsk) -> Row:
    source, target = _wallet(ask, "fromAccountType"), _wallet(ask, "toAccountType")
    if source == target:
        raise errors.BybitError(131211, "fromAccountType can't be the same as toAccountType")
    amount = ask.params.money("amount")
    if amount is None or amount <= 0:
        raise errors.BybitError(131215, "Amount error")
    transfer_id, coin = ask.params.required("transferId"), ask.params.required("coin")
    if f"transfer {transfer_id}" in ask.account.settings:
        raise errors.BybitError(131214, "TransferId exist")
    if source == UNIFIED and coin_risk(ask, coin).available < amount:
        raise errors.BybitError(131212, "Insufficient balance")
    try:
        ask.exchange.transfer(ask.account, coin, amount, source=source, target=target)
    except Rejection:
        raise errors.BybitError(131212, "Insufficient balance") from None
    ask.account.settings[f"transfer {transfer_id}"] = str(ask.account.entries[-1].id)
    return {"transferId": transfer_id, "status": "SUCCESS"}


def _wallet(ask: SignedAsk, name: str) -> str:
    wallet = WALLETS.get(ask.params.required(name))
    if wallet is None:
        raise errors.BybitError(131203, "Request parameter error")
    ask.check_wallet(wallet)
    return wallet


def transfers(ask: SignedAsk) -> Row:
    start, end = time_window(ask.params, ask.now_ms)
    coin = ask.params.text("coin")
    names = {wallet: name for name, wallet in WALLETS.items()}
    ids = {entry: name.removeprefix("transfer ") for name, entry in ask.account.settings.items()}
    pairs = [
        (entry, arrived)
        for entry, arrived in pairwise(ask.account.entries)
        if entry.kind == arrived.kind == "transfer" and entry.amount < 0
        if start <= entry.at_ms <= end and coin in (None, entry.currency)
        if ask.exchange.memory.keeps_transfer(entry, arrived, ask.now_ms)
    ]
    found = page(pairs[::-1], ask.params, key=lambda pair: pair[1].id, default=20, most=50)
    rows = [
        {
            "transferId": ids.get(str(arrived.id), str(arrived.id)),
            "coin": left.currency,
            "amount": plain(arrived.amount),
            "fromAccountType": names[left.wallet],
            "toAccountType": names[arrived.wallet],
            "timestamp": str(left.at_ms),
            "status": "SUCCESS",
        }
        for left, arrived in found.rows
    ]
    return {"list": rows, "nextPageCursor": found.cursor}


def deposits(ask: SignedAsk) -> Row:
    rows, cursor = _moved_from_outside(ask, sign=1)
    shown = [
        _on_chain(entry)
        | {
            "amount": plain(entry.amount),
            "id": str(entry.id),
            "status": 3,
            "depositFee": "",
            "successAt": str(entry.at_ms),
            "confirmations": "100",
            "txIndex": "0",
            "blockHash": f"0x{entry.id:064x}",
            "batchReleaseLimit": "-1",
            "depositType": "0",
            "fromAddress": "",
        }
        for entry in rows
    ]
    return {"rows": shown, "nextPageCursor": cursor}


def withdrawals(ask: SignedAsk) -> Row:
    """`amount` arrived; the fee left on top of it."""
    rows, cursor = _moved_from_outside(ask, sign=-1)
    shown = [
        _on_chain(entry)
        | {
            "amount": plain(-entry.amount - _fee(entry)),
            "status": "success",
            "withdrawFee": plain(_fee(entry)),
            "createTime": str(entry.at_ms),
            "updateTime": str(entry.at_ms),
            "withdrawId": str(entry.id),
            "withdrawType": 0,
        }
        for entry in rows
    ]
    return {"rows": shown, "nextPageCursor": cursor}


def _moved_from_outside(ask: SignedAsk, *, sign: int) -> tuple[list[Entry], str]:
    """What the sandbox's control gave or took is the account's traffic with the outside world."""
    start, end = record_window(ask.params, ask.now_ms)
    coin = ask.params.text("coin")
    entries = [
        entry
        for entry in reversed(ask.account.entries)
        if entry.kind in ("deposit", "withdrawal") and entry.amount * sign > 0 and not _is_internal(entry)
        if start <= entry.at_ms <= end and coin in (None, entry.currency)
    ]
    found = page(entries, ask.params, key=lambda entry: entry.id, default=50, most=50)
    return found.rows, found.cursor


def _on_chain(entry: Entry) -> Row:
    return {
        "coin": entry.currency,
        "chain": entry.detail("network", "ETH"),
        "txID": entry.detail("txid", f"0x{entry.id:064x}"),
        "toAddress": entry.detail("address", f"0x{entry.id:040x}"),
        "tag": "",
    }


def _fee(entry: Entry) -> Decimal:
    return Decimal(entry.detail("fee", "0"))


def _is_internal(entry: Entry) -> bool:
    """From another account of the exchange, not over a chain."""
    return entry.detail("network") == "internal"


def internal_deposits(ask: SignedAsk) -> Row:
    start, end = record_window(ask.params, ask.now_ms)
    entries = [
        entry
        for entry in reversed(ask.account.entries)
        if entry.kind == "deposit" and _is_internal(entry) and start <= entry.at_ms <= end
        if ask.params.text("coin") in (None, entry.currency)
    ]
    found = page(entries, ask.params, key=lambda entry: entry.id, default=50, most=50)
    rows = [
        {
            "id": str(entry.id),
            "type": 1,
            "coin": entry.currency,
            "amount": plain(entry.amount),
            "txID": entry.detail("txid", str(entry.id)),
            "status": 2,
            "address": entry.detail("address", "friend@example.com"),
            "createdTime": str(entry.at_ms // 1000),
        }
        for entry in found.rows
    ]
    return {"rows": rows, "nextPageCursor": found.cursor}


def converts(ask: SignedAsk) -> Row:
    """Newest first, by page (`index`, from 1); no times can be asked for."""
    entries = [entry for entry in ask.account.entries if entry.kind == "convert"]
    pairs = [(gave, got) for gave, got in pairwise(entries) if gave.reference == got.reference][::-1]
    index, limit = ask.params.whole("index") or 1, ask.params.limit(default=20, most=100)
    return {"list": [_convert(ask, *pair) for pair in pairs[limit * (index - 1) : limit * index]]}


def _convert(ask: SignedAsk, gave: Entry, got: Entry) -> Row:
    return {
        "accountType": "eb_convert_uta" if gave.wallet == UNIFIED else "eb_convert_funding",
        "exchangeTxId": gave.reference,
        "userId": str(ask.account.uid),
        "fromCoin": gave.currency,
        "fromCoinType": "crypto",
        "fromAmount": plain(-gave.amount),
        "toCoin": got.currency,
        "toCoinType": "crypto",
        "toAmount": plain(got.amount),
        "exchangeStatus": "success",
        "extInfo": {},
        "convertRate": plain((-got.amount / gave.amount).quantize(Decimal("1e-12"))),
        "createdAt": str(gave.at_ms),
    }
