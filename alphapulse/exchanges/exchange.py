"""What is known about one exchange as a whole: what it offers, its limits, and what asking for it costs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from alphapulse.exchanges.facts import Call, CandleList, History, Lookup, Owner, Params, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import ACCOUNT_KINDS, SyncKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange's facts. The defaults are the cautious ones, for exchanges that nobody has described yet."""

    exchange_id: str
    name: str
    reads: Mapping[SyncKind, tuple[Read, ...]]
    quotas: tuple[Quota, ...]
    histories: Mapping[SyncKind, tuple[History, ...]] = field(default_factory=dict)
    # The histories that are not read there, and why: told to people, so that nobody takes them for empty.
    untold: Mapping[SyncKind, str] = field(default_factory=dict)
    candles: tuple[CandleList, ...] = ()
    intervals: Mapping[SyncKind, timedelta] = field(default_factory=lambda: INTERVALS)
    quote_currency: str = "USDT"
    needs_password: bool = False
    # Nonces that rise strictly: two requests of one key at a time would reject each other.
    has_serial_keys: bool = False
    # What an account may have there that is never asked for: told to people, so that nobody takes it for nothing.
    unread: tuple[str, ...] = ()
    # A clock that is off gets the same answer as a wrong key.
    hides_skew: bool = False
    # How an order that is gone from the open ones is found again: tried in turn until one knows it.
    order_lookups: tuple[Lookup, ...] = (Lookup(),)
    # Codes that say that an order ended so long ago that nothing of it is kept.
    archived_order_codes: frozenset[str] = frozenset()
    # A cheap private call that any valid key may make: tells a rejected key from one that may not read a wallet.
    key_check: Call = field(default_factory=lambda: Call(method="fetch_balance"))
    # None: it does not tell, or nobody has described where.
    owner: Owner | None = None
    ccxt_options: Params = field(default_factory=dict)
    # How receipts are called: the prefix and the coin. The exceptions are coins of their own.
    receipt_prefix: str = ""
    receipt_exceptions: frozenset[str] = frozenset()

    @property
    def wallets(self) -> frozenset[str]:
        """Those that an owner may choose: what is part of one is chosen with it."""
        reads = (read for kind in ACCOUNT_KINDS for read in self.reads.get(kind, ()))
        return frozenset(read.wallet for read in reads if read.wallet and not read.part_of)

    def chosen(self, kind: SyncKind, wallets: Collection[str]) -> list[Read]:
        """The reads of a kind that an owner's choice of wallets means; none chosen are all."""
        reads = self.reads.get(kind, ())
        return [read for read in reads if not wallets or read.wallet in wallets or read.part_of in wallets]

    def lookups(self, wallet: str) -> list[Lookup]:
        """How the orders of a wallet are asked for."""
        own = [lookup for lookup in self.order_lookups if wallet in lookup.wallets]
        return own or [lookup for lookup in self.order_lookups if not lookup.wallets]

    def costs(self, kind: SyncKind, wallets: Collection[str] | None = None) -> Mapping[str, int]:
        """What one account's sync of `kind` costs, by quota; of a history, the dearest step.

        `wallets`: what is asked for; None: what each sync asks for, without what is asked for at times of its own.
        """
        if kind is SyncKind.SWEEP:
            return self._step_costs(SyncKind.TRADES) if self.swept else {}
        if kind is SyncKind.CANDLES:
            return self.candle_costs([each for each in self.candles for _ in range(REQUESTS_A_STEP)])
        if kind in self.histories:
            return self._step_costs(kind)
        total: dict[str, int] = {}
        asked = [read for read in self.reads.get(kind, ()) if _is_asked(read, wallets)]
        # A call that two wallets are read from is made once.
        calls = {id(call): call for read in asked for call in read.calls}
        for call in calls.values():
            for quota, weight in call.costs.items():
                total[quota] = total.get(quota, 0) + weight
        return total

    def grants(self, kind: SyncKind) -> list[Mapping[str, int]]:
        """At what costs a step may be granted, the first that there is room for: candles of one list go on while there
        is none for another's.
        """
        lists = self.candles if kind is SyncKind.CANDLES and len(self.candles) > 1 else ()
        return [self.costs(kind), *(self.candle_costs([each] * REQUESTS_A_STEP) for each in lists)]

    def candle_costs(self, asked: Sequence[CandleList]) -> Mapping[str, int]:
        """What these requests for candles cost, by quota."""
        total: dict[str, int] = {}
        for each in asked:
            for name, weight in each.costs.items():
                total[name] = total.get(name, 0) + weight
        return total

    def candle_list(self, market_type: str, *, is_inverse: bool) -> CandleList | None:
        """How the candles of such a market are told; None: they are not."""
        fitting = (
            (each.market_type, each.is_inverse) in (("", False), (market_type, is_inverse)) for each in self.candles
        )
        return next((each for each, fits in zip(self.candles, fitting, strict=True) if fits), None)

    def _step_costs(self, kind: SyncKind) -> Mapping[str, int]:
        return self.step_costs(self.histories[kind])

    def step_costs(self, lists: Iterable[History]) -> Mapping[str, int]:
        """What one step costs at most, by quota, that reads on these lists alone."""
        total: dict[str, int] = {}
        for history in lists:
            for name, weight in history.costs.items():
                most = max(weight, min(weight * REQUESTS_A_STEP, self._most_a_step(name)))
                total[name] = max(total.get(name, 0), most)
        return total

    def fits_a_step(self, spent: Mapping[str, int], history: History) -> bool:
        """Whether a step that has spent so much may ask for this, too: no key is to spend its minute in one step."""
        return not any(
            spent.get(name) and spent[name] + weight > self._most_a_step(name) for name, weight in history.costs.items()
        )

    def _most_a_step(self, name: str) -> int:
        (quota,) = (quota for quota in self.quotas if quota.name == name)
        return quota.limit // STEPS_A_WINDOW if quota.is_per_key else quota.limit

    @property
    def swept(self) -> list[History]:
        """The lists of trades that want a market, and tell all of its past at once: one look says if there is any."""
        lists = self.histories.get(SyncKind.TRADES, ())
        return [each for each in lists if each.market_type and each.goes_by_id]

    def supports(self, kind: SyncKind) -> bool:
        if kind is SyncKind.CANDLES:
            return bool(self.candles)
        return bool(self.swept if kind is SyncKind.SWEEP else self.reads.get(kind) or self.histories.get(kind))


# So many requests one step of a history makes at most: short, so that little is lost with a worker.
REQUESTS_A_STEP = 5
# So many steps of one account fit into the window of a quota that is counted per key, however dear their requests are.
STEPS_A_WINDOW = 3


def _is_asked(read: Read, wallets: Collection[str] | None) -> bool:
    return not read.is_seldom if wallets is None else read.wallet in wallets


INTERVALS: Mapping[SyncKind, timedelta] = {
    SyncKind.BALANCES: timedelta(seconds=30),
    SyncKind.POSITIONS: timedelta(seconds=30),
    SyncKind.ORDERS: timedelta(seconds=60),
    # Once it has caught up: until then a history goes on at once.
    SyncKind.TRADES: timedelta(minutes=5),
    SyncKind.CLOSED_ORDERS: timedelta(minutes=15),
    SyncKind.TRANSFERS: timedelta(minutes=10),
    SyncKind.FUNDING_PAYMENTS: timedelta(hours=1),
    SyncKind.LEDGER: timedelta(hours=1),
    SyncKind.SWEEP: timedelta(hours=1),
    SyncKind.TICKERS: timedelta(seconds=15),
    # The last one before a funding is the one that is paid, as nearly as an exchange tells it in advance.
    SyncKind.FUNDING_RATES: timedelta(minutes=5),
    SyncKind.MARKETS: timedelta(hours=4),
    # Once all series have caught up; a series that has a candle to come is due when that is there.
    SyncKind.CANDLES: timedelta(minutes=1),
}
