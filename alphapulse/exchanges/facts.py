"""The shape of what is known about an exchange: what to ask for, what it costs, where the answer holds its rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from alphapulse.resilience.budget import Quota
from alphapulse.types import ACCOUNT_KINDS, SyncKind

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How an answer of several pages goes on: rows `per_page`, and a cursor for the next one.

    The cursor lies in the answer at `cursor_at`, or is the `cursor_field` of the last row; with neither, pages are
    counted from 1 in `cursor_param`. Without a cursor, or with a page that is not full, the answer was the last.
    `more_at` is where the answer says whether there is more; `of_field` the field in which each row of a counted page
    says how many of its kind there are in all.
    """

    per_page: int
    cursor_param: str
    limit_param: str = "limit"
    cursor_at: str = ""
    cursor_field: str = ""
    more_at: str = ""
    of_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """How a raw row of balances tells its currency (`name`; none: rows are a mapping by it) and if it holds anything.

    `is_summed`: one currency may have several rows, which are added up.
    """

    amounts: tuple[str, ...]
    name: str = ""
    is_summed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One ccxt call: its parameters, and what it costs of which quota. No method: the kind's usual one.

    `rows` is where the answer must hold its rows, see `answers.rows_in`; `paging` how it goes on. `holding` and
    `size_field` say which raw rows hold something, so that none of them is lost between the answer and ours.
    """

    params: Params = field(default_factory=dict)
    method: str = ""
    costs: Mapping[str, int] = field(default_factory=dict)
    rows: str = ""
    paging: Paging | None = None
    holding: Holding | None = None
    size_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How one order is asked for: by ccxt's `fetch_order`, or by a list method that takes the id as `id_param`.

    `wallets`: whose orders are asked for in this way alone; those of others in the ways that name none.
    """

    method: str = "fetch_order"
    id_param: str = ""
    params: Params = field(default_factory=dict)
    wallets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What is asked to know one wallet whole. Overlapping wallets are never listed both: no money counts twice.

    `has_receipts`: the wallet's answer also shows receipts for coins that lie in another wallet; they are left out of
    it. `only_receipts`: this is that other wallet, read from the same call.

    `part_of`: it is chosen and left out together with that wallet. `every`: it is asked for at most this often, and
    `every_when_empty`, while there is nothing in it; with neither, at each sync of its kind.
    """

    wallet: str
    calls: tuple[Call, ...]
    has_receipts: bool = False
    only_receipts: bool = False
    part_of: str = ""
    every: timedelta | None = None
    every_when_empty: timedelta | None = None

    @property
    def is_seldom(self) -> bool:
        return bool(self.every or self.every_when_empty)

    def pause(self, *, is_empty: bool) -> timedelta | None:
        """How long it need not be asked for after an answer; None: until its kind is due again."""
        return (self.every_when_empty or self.every) if is_empty else self.every


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How a history goes on where one answer does not hold all of it, and the parameter that says where.

    One of: `cursor_at`, where the answer names the next page; `id_field`, the rising id of its rows: all are asked for
    from the id `first` on, without any window of time; `after_field`, of the last row: older ones come next. With none
    of them pages are counted from 1, or the rows to be skipped (`counts_rows`).
    """

    param: str
    cursor_at: str = ""
    id_field: str = ""
    first: int = 0
    after_field: str = ""
    counts_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One list of what happened to an account, read window by window: `source` is its name among those of its kind.

    No `method`: the kind's usual one. `rows` as for a `Call`. `market_type`: the exchange wants a symbol and keeps a
    list for each market of that ccxt type (of contracts: the inverse ones, or the others); empty: one list for all.
    `wallet`: where it happens, if that is one; `is_apart`: with money of its own, so that what was seen elsewhere says
    nothing of it. `window`: the longest span of time that one request may ask for; `keeps`: what is older is no longer
    told. No `pages`: an answer of `per_page` rows may have left some out, and a shorter window is asked for.

    `late`: a row shows at most that long after its own time. `changes_for`: so long after it one may still come or
    change (a withdrawal on its way), and is read again; for lists with pages. `skips`: raw rows with one of these
    values in a field are none of this history's. `contracts`: its rows are of contracts, which may be called like a
    spot market.

    `count_at` is where the answer says how many rows there are: where there is none, the list may be missing.
    `absent_codes` are errors by which the exchange says that an account has no such list at all.
    `parts`: each row has a list in this field, and it is its members that an answer has `per_page` of. `has_ids`: the
    exchange names its rows; where it does not, two that are equal are two. `is_fee_apart`: a ledger's amounts are
    without their fees.

    `per_second`: so many requests a second the exchange takes from one account, where that is less than a step makes.

    A method of the exchange's own, not of ccxt's unified ones: `since_param`, `until_param` and `limit_param` are its
    names, and `reader` is the one of `own_rows` that knows its rows. (Some unified ones need a name for `since`, too.)
    """

    source: str
    method: str = ""
    params: Params = field(default_factory=dict)
    costs: Mapping[str, int] = field(default_factory=dict)
    rows: str = ""
    market_type: str = ""
    is_inverse: bool = False
    wallet: str = ""
    is_apart: bool = False
    per_page: int = 100
    window: timedelta | None = None
    keeps: timedelta | None = None
    pages: Pages | None = None
    late: timedelta = timedelta(minutes=1)
    changes_for: timedelta = timedelta(0)
    skips: Mapping[str, frozenset[str]] = field(default_factory=dict)
    contracts: bool = False
    count_at: str = ""
    absent_codes: frozenset[str] = frozenset()
    parts: str = ""
    has_ids: bool = True
    is_fee_apart: bool = False
    per_second: int = 0
    since_param: str = ""
    until_param: str = "until"
    limit_param: str = ""
    reader: str = ""

    @property
    def goes_by_id(self) -> bool:
        """Its rows have rising ids, and all of them are asked for, from the first on."""
        return self.pages is not None and self.pages.id_field != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleList:
    """How the candles of one of ccxt's market types are told; no `market_type`: those of all.

    At most `per_page` of them in an answer, and `rows` is where it holds them, as for a `Call`. `keeps`: only so many
    of the newest are told at all.
    """

    market_type: str = ""
    is_inverse: bool = False
    costs: Mapping[str, int] = field(default_factory=dict)
    rows: str = ""
    per_page: int = 100
    keeps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Where an exchange tells which of its accounts a key belongs to; a sub-account has a number of its own.

    `at` is the path to that number in what ccxt makes of the answer to `call`; no call: in the answer to what the key
    may do. A call that the balances are read from, too, is made once for both.
    """

    at: str
    call: Call | None = None


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
    key_check: Call = Call(method="fetch_balance")
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
