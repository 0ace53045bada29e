"""The shape of what is known about an exchange: what to ask for, what it costs, where the answer holds its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

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
