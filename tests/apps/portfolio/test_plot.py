"""`manage.py plot`, out of rows."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from alphapulse.portfolio.curve import Point
from apps.core.clock import now
from apps.portfolio.models import Snapshot
from apps.portfolio.services import prices, snapshots
from apps.portfolio.services.drawn import gaps
from tests.apps import builders

from .divided import holder, past_of

pytestmark = [pytest.mark.django_db]


def plot(picture: str, out: Path, **options) -> bytes:
    call_command("plot", picture, out=out, **options)
    return out.read_bytes()


def refused(picture: str, out: Path, **options) -> str:
    with pytest.raises(CommandError) as told:
        plot(picture, out, **options)
    return str(told.value)


def taken(times: int) -> None:
    """Snapshots, five minutes apart until now."""
    account = builders.ExchangeAccount.objects.get()
    for number in range(times):
        prices.forget()
        at = now() - timedelta(minutes=5 * (times - 1 - number))
        assert snapshots.take(account.workspace_id, account.environment, now=at)


@pytest.mark.parametrize("picture", ["equity", "drawdown", "allocation"])
def test_worth_is_drawn_out_of_snapshots(picture, tmp_path):
    holder(BTC="1", ETH="10")
    taken(3)
    assert plot(picture, tmp_path / "it.png").startswith(b"\x89PNG")


def test_candles_are_drawn(tmp_path):
    past_of("BTC", days=30, missing=10)
    assert plot("candles", tmp_path / "it.png", symbol="BTC/USDT").startswith(b"\x89PNG")


def test_where_there_is_nothing_to_draw_it_says_why(tmp_path):
    out = tmp_path / "it.png"
    assert refused("equity", out).startswith("There are no such accounts")
    holder(BTC="1")
    assert refused("equity", out).startswith("No snapshots of a worth that is known in USDT")
    assert refused("allocation", out).startswith("There is no snapshot")
    assert refused("candles", out) == "Candles are of a market: name it, as in --symbol BTC/USDT."
    assert refused("candles", out, symbol="BTC/USDT") == "No candles of BTC/USDT are kept. No symbol is watched yet."
    past_of("ETH", days=3)
    assert refused("candles", out, symbol="BTC/USDT").endswith("There are some of ETH/USDT.")


def test_one_look_makes_no_curve_and_what_has_no_price_no_bars(tmp_path):
    out = tmp_path / "it.png"
    holder(GHOST="5")
    taken(1)
    assert refused("allocation", out).endswith("worth anything that is known: GHOST.")
    Snapshot.objects.update(equity=1)
    assert refused("equity", out).startswith("1 snapshot of a worth that is known in USDT, and it takes two")


def test_where_nobody_looked_for_long_no_line_is_drawn():
    def point(hours):
        return Point(at=now() + timedelta(hours=hours), value=Decimal(1), is_complete=True)

    hourly = [point(hours) for hours in (*range(30), *range(36, 60))]
    assert [(begin, end) for begin, end in gaps(hourly)] == [(hourly[29].at, hourly[30].at)]
    # Of a long past fewer are kept: a day apart, an hour, five minutes.
    thinned = [*range(-2400, -1440, 24), *range(-1440, -48), *(-each / 12 for each in range(576, 0, -1))]
    assert gaps([point(hours) for hours in thinned]) == []


def test_whose_worth_must_be_clear(tmp_path):
    holder(BTC="1")
    builders.account("other", owner="neighbour")
    assert "there are family (sandbox), neighbour (sandbox)" in refused("equity", tmp_path / "it.png")


def test_the_file_must_be_a_png_in_a_folder_that_is_there(tmp_path):
    assert "must name a .png file" in refused("equity", tmp_path / "it.jpg")
    assert "must name a .png file" in refused("equity", tmp_path / "nowhere" / "it.png")
