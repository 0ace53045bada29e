"""Moving money between an account's own wallets: `asset/transfer`."""

import itertools

from alphapulse.sandbox.binance.params import BinanceError, fixed8
from alphapulse.sandbox.binance.protocol import Request
from alphapulse.sandbox.binance.windows import numbered_page
from alphapulse.sandbox.clock import DAY_MS

Json = dict[str, object]
_DEFAULT_DAYS = 7
_WALLETS = {"MAIN": "spot", "FUNDING": "funding", "UMFUTURE": "futures", "CMFUTURE": "delivery", "MARGIN": "margin"}


def transfer(request: Request) -> Json:
    source, target = _ends(request.params.required("type"))
    amount, code = request.params.required_decimal("amount"), request.params.required("asset")
    request.exchange.transfer(request.owner, code, amount, source=source, target=target)
    return {"tranId": request.owner.entries[-1].id}


def transfers(request: Request) -> Json:
    """Only those of the type asked for, newest first: of the last seven days, unless times are given."""
    kind = request.params.required("type")
    source, target = _ends(kind)
    start_ms, end_ms = _times(request)
    memory = request.exchange.memory
    entries = [entry for entry in request.owner.entries if entry.kind == "transfer"]
    moves = [
        (into, out)
        for out, into in itertools.pairwise(entries)
        if out.amount < 0 < into.amount
        and (out.wallet, into.wallet) == (source, target)
        and start_ms <= into.at_ms <= end_ms
        and memory.keeps_transfer(out, into, request.now_ms)
    ]
    rows = [
        {
            "asset": into.currency,
            "amount": fixed8(into.amount),
            "type": kind,
            "status": "CONFIRMED",
            "tranId": into.id,
            "timestamp": into.at_ms,
        }
        for into, _out in reversed(moves)
    ]
    return {"rows": numbered_page(request, rows, default=10, most=100), "total": len(rows)}


def _times(request: Request) -> tuple[int, int]:
    start_ms, end_ms = request.params.integer("startTime", 0), request.params.integer("endTime", 0)
    if not start_ms and not end_ms:
        start_ms = request.now_ms - _DEFAULT_DAYS * DAY_MS
    return start_ms, end_ms or request.now_ms


def _ends(kind: str) -> tuple[str, str]:
    source, _, target = kind.partition("_")
    if source not in _WALLETS or target not in _WALLETS:
        raise BinanceError(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
    return _WALLETS[source], _WALLETS[target]
