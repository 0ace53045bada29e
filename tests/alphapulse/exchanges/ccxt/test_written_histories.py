"""What we wrote after the documentation, for lists of all seven described exchanges, as our events."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from alphapulse.types import SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import route_to
from tests.alphapulse.exchanges.histories import step, wanted
from tests.alphapulse.exchanges.scripted import Said

FOLDER = Path(__file__).parents[3] / "data" / "written_histories"
WRITTEN = [
    pytest.param(path.stem, name, case, id=f"{path.stem}-{name}")
    for path in sorted(FOLDER.glob("*.json"))
    for name, case in json.loads(path.read_text())["histories"].items()
]


def as_told(value: object) -> object:
    """Amounts compare as numbers: `0.020` is `0.02`."""
    try:
        return Decimal(value) if isinstance(value, str) else value
    except ArithmeticError:
        return value


@pytest.mark.parametrize(("exchange_id", "name", "case"), WRITTEN)
def test_a_written_answer_means_these_events(exchange, exchange_id, name, case):
    kind, _, source = name.partition("/")
    exchange.answers = written.answers(exchange_id) | {case["path"]: Said(json=case["answer"])}
    begun = wanted(source, case.get("symbol", ""))
    (done,) = step(route_to(exchange_id, exchange.base), SyncKind(kind), begun)
    assert done.error is None, (done.error, getattr(done.error, "payload", ""))
    rows = sorted(done.rows, key=lambda row: [row_id(event) for event in case["events"]].index(ours(row, case)))
    assert len(rows) == len(case["events"])
    for row, told in zip(rows, case["events"], strict=True):
        for field, value in told.items():
            assert as_told(getattr(row, field)) == as_told(value), (field, row)
        assert abs(row.exchange_at.timestamp() - 1_700_000_000) < 1


IDS = ("trade_id", "order_id", "transfer_id", "payment_id", "entry_id")


def row_id(event: dict) -> str:
    return next((event[name] for name in IDS if name in event), "")


def ours(row: object, case: dict) -> str:
    """ccxt sorts by time: rows are found by their ids, where the case names them."""
    names = [name for name in IDS if name in case["events"][0]]
    return str(getattr(row, names[0])) if names else ""
