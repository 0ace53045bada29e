"""A past made up from a seed: every kind of thing that happens to an account, never more spent than was there.

The same wish with the same `until` gives the same rows. They are JSON rows as anybody may plant (`past_rows.py`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import ROUND_DOWN, Decimal
from functools import partial
from random import Random
from typing import Any

from alphapulse.sandbox.clock import DAY_MS, HOUR_MS, MINUTE_MS
from alphapulse.sandbox.exchange import Exchange
from alphapulse.sandbox.fills import cost_of
from alphapulse.sandbox.funding import PERIOD_MS
from alphapulse.sandbox.markets import Market, MarketKind
from alphapulse.sandbox.past_wish import Made

Json = dict[str, Any]
Step = Callable[[int], list[Json]]  # what happens at a time
CENT = Decimal("1e-8")
_SIDE_WALLET = {"binance": "funding", "bybit": "fund"}
_BURST_MOMENTS = 200  # the milliseconds of a burst's minute: several trades share each
_CROWD = 0.02  # how often a trade comes with others in its very millisecond


def make_up(exchange: Exchange, made: Made) -> list[Json]:
    return _Life(exchange, made).rows()


class _Life:
    """Walks through the days and spends only what it holds."""

    def __init__(self, exchange: Exchange, made: Made) -> None:
        self._exchange, self._made = exchange, made
        self._random = Random(f"{made.seed}/{exchange.id}")  # noqa: S311 (a story, no secret)
        self._markets = made.markets
        self._started_ms = made.until_ms - made.days * DAY_MS
        self._held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._positions: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._main = exchange.wallets[MarketKind.SPOT]
        self._side = _SIDE_WALLET[exchange.id]

    def rows(self) -> list[Json]:
        rows = list(self._beginning())
        for at_ms, step in sorted(self._plan(), key=lambda planned: planned[0]):
            rows += step(at_ms)
        return rows + [row for market in self._markets for row in self._flat(market)]

    def _plan(self) -> Iterator[tuple[int, Step]]:
        made = self._made
        for at_ms, fills in self._orders(made.trades - made.burst):
            yield at_ms, partial(self._order, self._random.choice(self._markets), fills)
        begun = self._moment()
        for _ in range(made.burst):
            at_ms = begun + self._random.randrange(_BURST_MOMENTS) * MINUTE_MS // _BURST_MOMENTS
            yield at_ms, partial(self._order, self._markets[0], 1, dollars=5)
        for step, every_days in self._events():
            for _ in range(max(1, int(made.days / every_days))):
                yield self._moment(), step

    def _events(self) -> list[tuple[Step, float]]:
        """Each kind and how many days lie between two of it."""
        everywhere: list[tuple[Step, float]] = [
            (self._deposit, 9),
            (self._withdrawal, 13),
            (self._transfer, 5),
            (self._convert, 4),
            (self._reward, 1),
            (self._airdrop, 11),
            (self._rebate, 7),
            (self._interest, 3),
            (self._vain_order, 10),
        ]
        if any(not market.is_spot for market in self._markets):
            everywhere.append((self._funding, 0.7))
        if self._exchange.id == "binance":
            everywhere += [(self._dust, 20), (self._purchase, 30), (self._sale, 60), (self._fiat, 25)]
        return everywhere

    def _orders(self, count: int) -> Iterator[tuple[int, int]]:
        """When, and with how many fills; some come in crowds that share a millisecond."""
        while count > 0:
            at_ms, crowd = self._moment(), self._random.randint(2, 12) if self._random.random() < _CROWD else 1
            for _ in range(crowd):
                fills = min(count, self._random.choice((1, 1, 1, 1, 1, 1, 1, 2, 3, 4)))
                count -= fills
                if fills:
                    yield at_ms, fills

    def _moment(self) -> int:
        return self._random.randrange(self._started_ms + HOUR_MS, self._made.until_ms - HOUR_MS)

    # Money

    def _beginning(self) -> Iterator[Json]:
        """Enough of every quote currency, and of BNB for fees."""
        quotes = dict.fromkeys(market.quote for market in self._markets if market.is_spot)
        wanted = {code: self._worth(1_000_000, code) for code in (*quotes, "USDT")} | {"BNB": Decimal(20)}
        for code, amount in wanted.items():
            yield from self._got("deposit", self._started_ms, code, amount)
        for kind in {market.kind: None for market in self._markets if not market.is_spot}:
            wallet = self._exchange.wallets[kind]
            if wallet != self._main:
                yield self._moved("USDT", Decimal(200_000), self._main, wallet, self._started_ms + MINUTE_MS)

    def _got(self, kind: str, at_ms: int, code: str, amount: Decimal, **more: object) -> list[Json]:
        self._held[str(more.get("wallet", self._main)), code] += amount
        return [{"kind": kind, "at": at_ms, "currency": code, "amount": amount} | more]

    def _moved(self, code: str, amount: Decimal, source: str, target: str, at_ms: int) -> Json:
        self._held[source, code] -= amount
        self._held[target, code] += amount
        return {"kind": "transfer", "at": at_ms, "currency": code, "amount": amount, "from": source, "to": target}

    def _deposit(self, at_ms: int) -> list[Json]:
        code = self._random.choice(self._codes())
        return self._got("deposit", at_ms, code, self._worth(self._random.randint(50, 5000), code))

    def _withdrawal(self, at_ms: int) -> list[Json]:
        code, amount = self._some_of_it()
        fee = (amount / 100).quantize(CENT)
        if amount <= 0:
            return []
        self._held[self._main, code] -= amount
        return [{"kind": "withdrawal", "at": at_ms, "currency": code, "amount": amount - fee, "fee": fee}]

    def _transfer(self, at_ms: int) -> list[Json]:
        ends = (self._main, self._side) if self._random.random() < 0.6 else (self._side, self._main)
        code = self._random.choice(self._codes())
        amount = (self._held[ends[0], code] / self._random.randint(3, 30)).quantize(CENT, ROUND_DOWN)
        return [self._moved(code, amount, *ends, at_ms)] if amount else []

    def _convert(self, at_ms: int) -> list[Json]:
        code, amount = self._some_of_it()
        other = self._random.choice([known for known in self._codes() if known != code])
        got = (amount * self._price(code, at_ms) / self._price(other, at_ms)).quantize(CENT, ROUND_DOWN)
        if not amount or not got:
            return []
        self._held[self._main, code] -= amount
        self._held[self._main, other] += got
        gave = {"from": code, "from_amount": amount, "to": other, "to_amount": got}
        return [{"kind": "convert", "at": at_ms, **gave}]

    def _dust(self, at_ms: int) -> list[Json]:
        coins = []
        for code in self._random.sample(self._codes(), 2):
            amount = min(self._worth("0.8", code), self._held[self._main, code])
            if code == "BNB" or not amount:
                continue
            whole = amount * self._price(code, at_ms) / self._price("BNB", at_ms)
            got = (whole * Decimal("0.98")).quantize(CENT, ROUND_DOWN)
            self._held[self._main, code] -= amount
            self._held[self._main, "BNB"] += got
            coins.append({"currency": code, "amount": amount, "got": got, "fee": (whole / 50).quantize(CENT)})
        return [{"kind": "dust", "at": at_ms, "coins": coins}] if coins else []

    def _reward(self, at_ms: int) -> list[Json]:
        kinds = ("flexible", "REALTIME"), ("flexible", "BONUS"), ("locked", "REWARDS")
        product, kind = self._random.choice(kinds)
        return self._got("reward", at_ms, "USDT", self._small(), product=product, type=kind)

    def _airdrop(self, at_ms: int) -> list[Json]:
        return self._got("airdrop", at_ms, self._random.choice(("ADA", "DOGE", "XRP")), self._small())

    def _rebate(self, at_ms: int) -> list[Json]:
        return self._got("rebate", at_ms, "USDT", self._small())

    def _interest(self, at_ms: int) -> list[Json]:
        amount = self._small() / 10
        if self._exchange.id != "binance":
            self._held[self._main, "USDT"] -= amount
        return [{"kind": "interest", "at": at_ms, "currency": "USDT", "amount": amount, "principal": 1000}]

    def _funding(self, at_ms: int) -> list[Json]:
        market = self._random.choice([market for market in self._markets if not market.is_spot])
        amount = self._small() * self._random.choice((1, -1))
        row = {"kind": "funding", "market": market.id, "market_kind": market.kind, "amount": amount}
        paid_ms = at_ms - at_ms % PERIOD_MS
        # At the full hour always: files of some exchanges tell no more than the minute.
        paid_ms += PERIOD_MS if paid_ms < self._started_ms + HOUR_MS else 0
        return [row | {"at": paid_ms}] if paid_ms < self._made.until_ms else []

    def _purchase(self, at_ms: int) -> list[Json]:
        paid = {"fiat": "EUR", "fiat_amount": Decimal(100), "fee": Decimal(2)}
        return self._got("purchase", at_ms, "USDT", Decimal("105.5"), **paid)

    def _sale(self, at_ms: int) -> list[Json]:
        self._held[self._main, "USDT"] -= Decimal(50)
        got = {"fiat": "EUR", "fiat_amount": Decimal(44), "fee": Decimal("0.5")}
        return [{"kind": "sale", "at": at_ms, "currency": "USDT", "amount": Decimal(50), **got}]

    def _fiat(self, at_ms: int) -> list[Json]:
        if self._held[self._main, "EUR"] > 201:
            self._held[self._main, "EUR"] -= Decimal(201)
            gone = {"currency": "EUR", "amount": Decimal(200), "fee": Decimal(1)}
            return [{"kind": "fiat_withdrawal", "at": at_ms, **gone}]
        return self._got("fiat_deposit", at_ms, "EUR", Decimal(250), fee=Decimal(1))

    # Trades

    def _order(self, market: Market, fills: int, at_ms: int, *, dollars: int = 0) -> list[Json]:
        """Some are cancelled after a part."""
        price = self._exchange.last(market, at_ms)
        amount = market.to_amount(float(self._worth(dollars or self._random.randint(20, 400), market.base)))
        side = self._side_of(market, fills * amount, price)
        filled = [self._filled(market, side, amount, price) | {"at": at_ms + 7 * number} for number in range(fills)]
        ordered = fills * amount * (2 if self._random.random() < 0.03 else 1)
        kind = self._random.choice(("limit", "market"))
        order = {"kind": "order", "market": market.id, "market_kind": market.kind, "side": side, "at": at_ms}
        return [order | {"price": price, "amount": ordered, "type": kind, "fills": filled}]

    def _vain_order(self, at_ms: int) -> list[Json]:
        """Cancelled before anything was filled."""
        market = self._markets[0]
        order = {"kind": "order", "market": market.id, "market_kind": market.kind, "side": "buy", "at": at_ms}
        price = market.to_price(float(self._exchange.last(market, at_ms)) * 0.9)
        wish = {"price": price, "amount": market.to_amount(1.0), "fills": []}
        return [order | wish | {"closed_at": at_ms + HOUR_MS // 2}]

    def _filled(self, market: Market, side: str, amount: Decimal, price: Decimal) -> Json:
        """The fill with its fee: half of spot's in BNB, where that is the exchange's way."""
        fee, fee_currency = self._fee(market, side, amount, price)
        wallet, sign = self._exchange.wallets[market.kind], 1 if side == "buy" else -1
        if market.is_spot:
            self._held[wallet, market.base] += sign * amount
            self._held[wallet, market.quote] -= sign * cost_of(market, price, amount)
        else:
            self._positions[market.id] += sign * amount
        self._held[wallet, fee_currency] -= fee
        told = {"price": price, "amount": amount, "fee": fee, "fee_currency": fee_currency}
        return told | {"is_maker": self._random.random() < 0.4}

    def _fee(self, market: Market, side: str, amount: Decimal, price: Decimal) -> tuple[Decimal, str]:
        cost = cost_of(market, price, amount)
        if not market.is_spot:
            return (cost * market.taker).quantize(CENT), market.settle
        if self._exchange.id == "binance" and self._held[self._main, "BNB"] > 1 and self._random.random() < 0.5:
            return self._worth(max(Decimal("0.01"), cost / 1_000_000), "BNB"), "BNB"
        got = market.base if side == "buy" else market.quote
        return ((amount if side == "buy" else cost) * market.taker).quantize(CENT), got

    def _side_of(self, market: Market, amount: Decimal, price: Decimal) -> str:
        """Sells what is there, buys what can be paid; contracts lean against their position."""
        wallet = self._exchange.wallets[market.kind]
        if not market.is_spot:
            held = self._positions[market.id]
            return self._random.choice(("buy", "sell")) if not held else "sell" if held > 0 else "buy"
        if self._held[wallet, market.base] < amount:
            return "buy"
        return "sell" if self._held[wallet, market.quote] < amount * price * 2 else self._random.choice(("buy", "sell"))

    def _flat(self, market: Market) -> list[Json]:
        """Closes what a contract's trades left open."""
        left = self._positions[market.id]
        if market.is_spot or not left:
            return []
        at_ms, side = self._made.until_ms - MINUTE_MS, "sell" if left > 0 else "buy"
        fill = self._filled(market, side, abs(left), self._exchange.last(market, at_ms))
        return [{"kind": "trade", "market": market.id, "market_kind": market.kind, "side": side, "at": at_ms, **fill}]

    # What things are worth

    def _codes(self) -> list[str]:
        spot = [market for market in self._markets if market.is_spot]
        return list(dict.fromkeys(code for market in spot for code in (market.base, market.quote)))

    def _some_of_it(self) -> tuple[str, Decimal]:
        code = self._random.choice(self._codes())
        return code, (self._held[self._main, code] / self._random.randint(20, 200)).quantize(CENT, ROUND_DOWN)

    def _small(self) -> Decimal:
        return Decimal(self._random.randint(1, 9_999_999)).scaleb(-7)

    def _worth(self, dollars: object, code: str) -> Decimal:
        """That many dollars in a currency, as it stood at the end of the past."""
        return (Decimal(str(dollars)) / self._price(code, self._made.until_ms)).quantize(CENT)

    def _price(self, code: str, at_ms: int) -> Decimal:
        return Decimal(f"{self._exchange.prices.price(code, 'USDT', at_ms):.10f}")
