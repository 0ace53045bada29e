"""Prices that are doubted: kept aside with their reason until the doubt is over."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet

from alphapulse import types
from alphapulse.market.aliases import Aliases
from alphapulse.market.guard import Doubt, apart, cleaned, doubt, price, why
from apps.market.models import QuarantinedValue, Ticker
from apps.market.models.quarantine import KEPT_ASIDE
from apps.market.services.assets import known_aliases

# Prices are compared between exchanges while they are that young.
YOUNG = timedelta(minutes=5)
# Doubts that are over are kept for so long.
KEEP = timedelta(days=30)

Told = Sequence[tuple[types.Ticker, datetime]]
Doubts = Mapping[tuple[str, Doubt], QuarantinedValue]
# By symbol; no reason: nothing is doubted of it.
Judged = Mapping[str, tuple[Doubt | None, types.Ticker, datetime]]

# The price that was there before stays.
WITHHELD = frozenset(Doubt) - frozenset(KEPT_ASIDE)


def believed(exchange_id: str, environment: str, told: Told) -> list[tuple[types.Ticker, datetime]]:
    """What takes the place of the prices before. Writes what is doubted, and which doubts are over.

    What tells no price takes the place of none: the one before grows old. What is doubted and had no price before comes
    without one, so that people see why.
    """
    rows = _tickers(exchange_id, environment).only("symbol", "last", "bid", "ask", "as_of")
    known = {row.symbol: row for row in rows}
    open_doubts = _open(exchange_id, environment)
    judged: dict[str, tuple[Doubt | None, types.Ticker, datetime]] = {}
    for ticker, as_of in ((cleaned(ticker), as_of) for ticker, as_of in told):
        before = known.get(ticker.symbol)
        if before is None or (as_of >= before.as_of and (price(ticker) is not None or price(before) is None)):
            waiting = open_doubts.get((ticker.symbol, Doubt.JUMP))
            judged[ticker.symbol] = (doubt(ticker, known=before, doubted=waiting, as_of=as_of), ticker, as_of)
    _remember(exchange_id, environment, judged, known, open_doubts)
    _end(open_doubts, judged)
    return [
        (replace(ticker, last=None, bid=None, ask=None) if reason in WITHHELD else ticker, as_of)
        for symbol, (reason, ticker, as_of) in judged.items()
        if reason not in WITHHELD or symbol not in known
    ]


def _tickers(exchange_id: str, environment: str) -> QuerySet[Ticker]:
    return Ticker.objects.filter(exchange_id=exchange_id, environment=environment)


def _open(exchange_id: str, environment: str) -> dict[tuple[str, Doubt], QuarantinedValue]:
    rows = QuarantinedValue.objects.filter(exchange_id=exchange_id, environment=environment, ended_at=None)
    return {(row.symbol, Doubt(row.reason)): row for row in rows}


def _remember(
    exchange_id: str,
    environment: str,
    judged: Judged,
    known: Mapping[str, Ticker],
    open_doubts: Doubts,
) -> None:
    rows = []
    for symbol, (reason, ticker, as_of) in sorted(judged.items()):
        if reason is None:
            continue
        begun = open_doubts.get((symbol, reason))
        rows.append(
            QuarantinedValue(
                pk=begun and begun.pk,
                exchange_id=exchange_id,
                environment=environment,
                symbol=symbol,
                reason=reason,
                last=ticker.last,
                bid=ticker.bid,
                ask=ticker.ask,
                known=price(known[symbol]) if symbol in known else None,
                detail=why(reason, ticker, known.get(symbol)),
                first_at=begun.first_at if begun else as_of,
                seen_at=as_of,
            )
        )
    QuarantinedValue.objects.bulk_create([row for row in rows if row.pk is None], ignore_conflicts=True)
    QuarantinedValue.objects.bulk_update(
        [row for row in rows if row.pk is not None],
        ["last", "bid", "ask", "known", "detail", "seen_at"],
        batch_size=500,
    )


def _end(open_doubts: Doubts, judged: Judged) -> None:
    """What was told again, without that doubt. Prices apart from those elsewhere are judged by `compare`."""
    over = [
        row.pk
        for (symbol, reason), row in open_doubts.items()
        if reason is not Doubt.SPREAD and symbol in judged and _is_over(reason, judged[symbol][0])
    ]
    if over:
        last_told = max(as_of for _reason, _ticker, as_of in judged.values())
        QuarantinedValue.objects.filter(pk__in=over, ended_at=None).update(ended_at=last_told)


def _is_over(open_doubt: Doubt, now_doubted: Doubt | None) -> bool:
    if now_doubted is open_doubt:
        return False
    # The price that stays is still the stale one; and a book that makes no sense says nothing of a jump.
    stays = (*KEPT_ASIDE, Doubt.JUMP) if now_doubted is Doubt.CROSSED else KEPT_ASIDE
    return not (now_doubted in WITHHELD and open_doubt in stays)


def open_doubts(tickers: Sequence[Ticker]) -> dict[int, list[QuarantinedValue]]:
    """By the key of each ticker what is doubted of it now. One query."""
    rows = QuarantinedValue.objects.filter(symbol__in={ticker.symbol for ticker in tickers}, ended_at=None)
    of_name: dict[tuple[str, str, str], list[QuarantinedValue]] = defaultdict(list)
    for row in rows.order_by("reason"):
        of_name[row.exchange_id, row.environment, row.symbol].append(row)
    return {each.pk: of_name.get((each.exchange_id, each.environment, each.symbol), []) for each in tickers}


def is_used(ticker: Ticker, doubts: Sequence[QuarantinedValue]) -> bool:
    """Whether it is a price that is calculated with, as long as it is fresh. The doubts are its open ones."""
    return price(ticker) is not None and not any(row.reason in KEPT_ASIDE for row in doubts)


@transaction.atomic
def compare(environment: str, now: datetime) -> int:
    """Each symbol's young prices between exchanges: who is far from all others is doubted. Returns how many are."""
    found: dict[tuple[str, str], tuple[Decimal, Decimal, int]] = {}
    for told in _comparable(environment, now):
        for exchange_id, distance in apart({each: last for each, (_, last) in told.items()}).items():
            symbol, last = told[exchange_id]
            found[exchange_id, symbol] = last, distance, len(told)
    begun = QuarantinedValue.objects.filter(environment=environment, reason=Doubt.SPREAD, ended_at=None)
    known = {(row.exchange_id, row.symbol): row.pk for row in begun}
    begun.filter(pk__in=[pk for name, pk in known.items() if name not in found]).update(ended_at=now)
    begun.filter(pk__in=[pk for name, pk in known.items() if name in found]).update(seen_at=now)
    QuarantinedValue.objects.bulk_create(
        [
            QuarantinedValue(
                exchange_id=exchange_id,
                environment=environment,
                symbol=symbol,
                reason=Doubt.SPREAD,
                last=last,
                detail=f"{distance:+.1%} from the median of {number} exchanges",
                first_at=now,
                seen_at=now,
            )
            for (exchange_id, symbol), (last, distance, number) in sorted(found.items())
            if (exchange_id, symbol) not in known
        ],
        ignore_conflicts=True,
    )
    return len(found)


def _comparable(environment: str, now: datetime) -> list[dict[str, tuple[str, Decimal]]]:
    """Young prices of the same thing: by exchange its symbol there, and the price. LUNA here is not LUNA there."""
    aliases = known_aliases()
    stale = QuarantinedValue.objects.filter(environment=environment, reason=Doubt.STALE, ended_at=None)
    doubted = set(stale.values_list("exchange_id", "symbol"))
    prices: dict[Hashable, dict[str, tuple[str, Decimal]]] = defaultdict(dict)
    rows = Ticker.objects.filter(environment=environment, as_of__gt=now - YOUNG).order_by("pk")
    for row in rows.only("exchange_id", "symbol", "last", "bid", "ask"):
        told = price(row)
        # Two dead markets must not outvote one where people trade.
        if told is not None and (row.exchange_id, row.symbol) not in doubted:
            prices[_meaning(aliases, row.exchange_id, row.symbol, now)][row.exchange_id] = (row.symbol, told)
    return list(prices.values())


def _meaning(aliases: Aliases, exchange_id: str, symbol: str, now: datetime) -> Hashable:
    """The assets that a symbol names, and what it says beside them: `:USDT`, `:USDT-261225`."""
    base, _, quoted = symbol.partition("/")
    quote, _, rest = quoted.partition(":")
    return (*(aliases.meaning(exchange_id, code, now) for code in (base, quote)), rest)


def prune(now: datetime) -> int:
    """Doubts that are long over, and those of symbols of which nobody has told for as long."""
    gone = Q(ended_at__lt=now - KEEP) | Q(ended_at=None, seen_at__lt=now - KEEP)
    return QuarantinedValue.objects.filter(gone).delete()[0]
