"""OKX's bills of the trading account."""

from collections.abc import Mapping, Sequence

from alphapulse.exchanges.history import Event
from alphapulse.exchanges.parse import named, text
from alphapulse.exchanges.parse_history import Names, Raw, Reader, when
from alphapulse.money import to_decimal
from alphapulse.types import LedgerEntry, LedgerKind

# https://www.okx.com/docs-v5/en/#trading-account-rest-api-get-bills-details-last-7-days
_KINDS: Mapping[str, LedgerKind] = {
    "7": LedgerKind.INTEREST,
    "4": LedgerKind.CONVERT,
    "11": LedgerKind.CONVERT,
    "27": LedgerKind.CONVERT,
    "28": LedgerKind.DUST,
    "29": LedgerKind.CONVERT,
    "30": LedgerKind.CONVERT,
}


def bill(row: Raw, names: Names) -> Sequence[Event]:
    """A line of the books; none where the balance did not change."""
    return named(f"bill {row.get('billId')}", _bill, row, names)


def _bill(row: Raw, names: Names) -> Sequence[LedgerEntry]:
    change = to_decimal(row["balChg"])
    entry = LedgerEntry(
        entry_id=f"{names.source}:{text(row, 'billId')}",
        kind=_KINDS.get(text(row, "type"), LedgerKind.OTHER),
        currency=names.currency(text(row, "ccy")),
        amount=change,
        reference=row.get("ordId") or None,
        exchange_at=when(row, "ts"),
    )
    return (entry,) if change else ()


READERS: Mapping[str, Reader] = {"okx_bill": bill}
