"""Moving money between an account's own wallets: `asset/transfer`."""

import itertools

from alphapulse.sandbox.binance.params import BinanceError, fixed8
from alphapulse.sandbox.binance.protocol import Request

Json = dict[str, object]
_WALLETS = {"MAIN": "spot", "FUNDING": "funding", "UMFUTURE": "futures", "CMFUTURE": "delivery", "MARGIN": "margin"}


def transfer(request: Request) -> Json:
    source, target = _ends(request.params.required("type"))
    amount, code = request.params.required_decimal("amount"), request.params.required("asset")
    request.exchange.transfer(request.owner, code, amount, source=source, target=target)
    return {"tranId": request.owner.entries[-1].id}


def transfers(request: Request) -> Json:
    """Only those of the type asked for, newest first."""
    kind = request.params.required("type")
    source, target = _ends(kind)
    entries = [entry for entry in request.owner.entries if entry.kind == "transfer"]
    moves = [
        (into, out)
        for out, into in itertools.pairwise(entries)
        if out.amount < 0 < into.amount and (out.wallet, into.wallet) == (source, target)
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
    size = request.params.integer("size", 10, most=100)
    page = request.params.integer("current", 1)
    return {"rows": rows[size * (page - 1) : size * page], "total": len(rows)}


def _ends(kind: str) -> tuple[str, str]:
    source, _, target = kind.partition("_")
    if source not in _WALLETS or target not in _WALLETS:
        raise BinanceError(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
    return _WALLETS[source], _WALLETS[target]
