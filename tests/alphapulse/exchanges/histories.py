"""Reading a history on as the sync does: step after step, with nothing kept between them but cursors and rows."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.history import Cursor, Event, Step, Wanted, key
from alphapulse.exchanges.route import Route
from alphapulse.types import Credentials, SyncKind
from tests.alphapulse.exchanges.asking import batch, credentials_for

# More steps than any test needs: a history that does not end is a failure, not a hanging test.
MOST_STEPS = 200

Sources = list[tuple[str, str]]


def wanted(source: str, symbol: str = "", *, days: float = 30, cursor: Cursor | None = None) -> Wanted:
    begin = Cursor(reached_at=datetime.now(UTC) - timedelta(days=days))
    return Wanted(source=source, symbol=symbol, cursor=cursor or begin)


def step(route: Route, kind: SyncKind, *wishes: Wanted, credentials: Credentials | None = None) -> tuple[Step, ...]:
    """One step; an error of the whole account is raised."""
    job = Job(credentials=credentials or credentials_for(route.exchange_id), wanted=wishes)
    (outcome,) = batch(route, kind, [job])
    if outcome.error is not None:
        raise outcome.error
    return tuple(outcome.steps)


def read(
    route: Route,
    kind: SyncKind,
    sources: Sources,
    *,
    credentials: Credentials | None = None,
    days: float = 30,
    killed: Collection[int] = (),
    between: Callable[[], None] = lambda: None,
) -> dict[tuple[str, ...], Event]:
    """Everything of these sources, by key. Each step starts from cursors alone; of those in `killed` nothing is kept.

    `between` is called before each step.
    """
    cursors = {name: wanted(*name, days=days).cursor for name in sources}
    caught_up: set[tuple[str, str]] = set()
    events: dict[tuple[str, ...], Event] = {}
    for number in range(MOST_STEPS):
        wishes = [wanted(*name, cursor=cursors[name]) for name in sources if name not in caught_up]
        if not wishes:
            return events
        between()
        for done in step(route, kind, *wishes, credentials=credentials):
            assert done.error is None, done.error
            name = (done.source, done.symbol)
            assert done.cursor.reached_at >= cursors[name].reached_at
            if number in killed:
                continue
            cursors[name] = done.cursor
            caught_up |= {name} if done.is_caught_up else set()
            events |= {key(event): event for event in done.rows}
    raise AssertionError(f"not caught up after {MOST_STEPS} steps: {cursors}")
