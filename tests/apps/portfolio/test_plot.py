"""`manage.py plot`, out of rows."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.core.clock import now
from apps.portfolio.services import prices, snapshots
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
    assert refused("equity", out).startswith("0 snapshots have a worth that is known in USDT")
    assert refused("allocation", out).startswith("There is no snapshot")
    assert refused("candles", out) == "Candles are of a market: name it, as in --symbol BTC/USDT."
    assert refused("candles", out, symbol="BTC/USDT") == "No candles of BTC/USDT are kept. No symbol is watched yet."
    past_of("ETH", days=3)
    assert refused("candles", out, symbol="BTC/USDT").endswith("There are some of ETH/USDT.")


def test_whose_worth_must_be_clear(tmp_path):
    holder(BTC="1")
    builders.account("other", owner="neighbour")
    assert "there are family (sandbox), neighbour (sandbox)" in refused("equity", tmp_path / "it.png")


def test_the_file_must_be_a_png_in_a_folder_that_is_there(tmp_path):
    assert "must name a .png file" in refused("equity", tmp_path / "it.jpg")
    assert "must name a .png file" in refused("equity", tmp_path / "nowhere" / "it.png")
