"""What the pages say of the catalogue and of scopes is what the tables say."""

from pathlib import Path

import pytest

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.catalogue import EXCHANGES, Exchange
from alphapulse.types import HISTORY_KINDS, SyncKind
from apps.users.scopes import GRANTS

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "exchanges.md"
API_PAGE = DOCS / "api.md"


def table_row(exchange: Exchange) -> str:
    wallets = ", ".join(read.wallet for read in exchange.reads[SyncKind.BALANCES])
    positions = ", ".join(read.wallet for read in exchange.reads.get(SyncKind.POSITIONS, ()))
    serial = "yes" if exchange.has_serial_keys else "no"
    password = "yes" if exchange.needs_password else "no"
    return f"| {exchange.name} | {wallets} | {positions or 'none'} | {serial} | {password} |"


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_the_page_of_exchanges_has_the_row_of_each(exchange):
    assert table_row(exchange) in PAGE.read_text()


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_the_page_of_exchanges_names_what_is_never_asked(exchange):
    assert exchange.unread
    assert f"- {exchange.name}: {', '.join(exchange.unread)}." in PAGE.read_text()


@pytest.mark.parametrize(("scope", "grant"), GRANTS.items(), ids=GRANTS)
def test_the_page_of_the_api_has_the_row_of_each_scope(scope, grant):
    never = "; never in a personal token" if grant.sessions_only else ""
    takes = "staff" if grant.staff_only else grant.role
    assert f"| `{scope}` | {grant.meaning}{never} | {takes} |" in API_PAGE.read_text()


@pytest.mark.parametrize("exchange", [*EXCHANGES.values(), catalogue.exchange("bitvavo")], ids=[*EXCHANGES, "another"])
def test_the_page_of_exchanges_names_what_is_not_told_of_the_past(exchange):
    name = exchange.name if exchange.exchange_id in EXCHANGES else "Any other exchange"
    for kind, why in exchange.untold.items():
        assert f"- {name}, {kind.replace('_', ' ')}: {why}." in PAGE.read_text()


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_the_page_of_exchanges_says_of_which_past_nothing_is_told(exchange):
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {exchange.name} |")]
    (row,) = (row for row in rows if row != table_row(exchange))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert [cell == "no" for cell in cells] == [kind in exchange.untold for kind in HISTORY_KINDS]
