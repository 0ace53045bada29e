"""`python manage.py plot`: pictures of worth and prices, out of rows."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from alphapulse.market import timeframes
from apps.core.clock import now
from apps.core.management.explained import ExplainedCommand
from apps.exchanges.models import Environment, ExchangeAccount
from apps.market.models import CandleHole, CandleSeries
from apps.market.services import candles_of
from apps.portfolio.services import drawn
from apps.portfolio.services.history import equity_curve
from apps.users.models import Workspace

EXAMPLES = """
Examples:
  python manage.py plot equity --out equity.png                        what it was worth
  python manage.py plot drawdown --days 90 --out drawdown.png          how far below its highest
  python manage.py plot allocation --currency EUR --out parts.png      what it is made of, by the newest snapshot
  python manage.py plot candles --symbol BTC/USDT --timeframe 4h --out candles.png

Nothing is asked of exchanges: what is drawn are rows. Shaded: worth of which something could not be read or priced,
and times without candles or snapshots. Deposits and withdrawals are no part of a drawdown.

Exit status: 0 the file is written; 1 there is nothing to draw, and why; 2 wrong usage.
"""
CANDLES = 120


class Command(ExplainedCommand):
    help = "Draw worth, its drawdown, what it is made of, or candles as a PNG file."
    examples = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("picture", choices=sorted(PICTURES), help="what to draw")
        parser.add_argument("--out", required=True, type=Path, metavar="FILE.png", help="is overwritten")
        parser.add_argument("--workspace", metavar="NAME", help="whose worth; left out: the only one that has accounts")
        parser.add_argument("--environment", choices=Environment.values, help="left out: the only one there is")
        parser.add_argument("--currency", default="USDT", metavar="CODE", help="of worth (USDT)")
        parser.add_argument("--days", type=float, metavar="N", help="the newest so many; left out: all")
        parser.add_argument("--symbol", metavar="BTC/USDT", help="candles: of which market")
        parser.add_argument("--exchange", metavar="ID", help="candles: left out: one that has some")
        parser.add_argument("--timeframe", choices=list(timeframes.FIXED), default="1d", help="of candles (1d)")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.suffix.lower() != ".png" or not out.parent.is_dir():
            raise CommandError(f"--out must name a .png file in a folder that is there, not {out}.")
        PICTURES[options["picture"]](out, options, now())
        self.stdout.write(f"{out}")


def _equity(out: Path, options: dict[str, Any], at: datetime) -> None:
    pictures = _pictures()
    workspace, environment = _whose(options)
    points = equity_curve([workspace.pk], environment, options["currency"], since=_since(options, at))
    _refuse_too_few(len(points), options["currency"])
    title = f"Worth of {workspace}{_aside(environment)}"
    pictures.equity(out, points, title=title, currency=options["currency"], gaps=drawn.gaps(points))


def _drawdown(out: Path, options: dict[str, Any], at: datetime) -> None:
    pictures = _pictures()
    workspace, environment = _whose(options)
    points = drawn.depths(workspace, environment, options["currency"], since=_since(options, at), now=at)
    _refuse_too_few(len(points), options["currency"])
    title = f"Drawdown of {workspace}{_aside(environment)}"
    pictures.drawdown(out, points, title=title, gaps=drawn.gaps(points))


def _allocation(out: Path, options: dict[str, Any], _at: datetime) -> None:
    pictures = _pictures()
    workspace, environment = _whose(options)
    found = drawn.parts(workspace, environment, options["currency"])
    if found is None or not found.rows:
        raise CommandError(f"There is no snapshot with anything in it whose worth is known in {options['currency']}.")
    parts = [
        pictures.Part(
            asset=row.asset, value=None if row.value is None else row.value * found.rate, is_old=row.is_bridged
        )
        for row in found.rows
    ]
    if not any(part.value for part in parts):
        names = ", ".join(sorted(part.asset for part in parts)[:10])
        raise CommandError(f"Nothing of what is held is worth anything that is known: {names}.")
    title = f"What {workspace} holds{_aside(environment)}, {found.snapshot.taken_at:%Y-%m-%d %H:%M} UTC"
    pictures.allocation(out, parts, title=title, currency=options["currency"])


def _candles(out: Path, options: dict[str, Any], at: datetime) -> None:
    pictures = _pictures()
    series = _series(options)
    timeframe = options["timeframe"]
    length = timeframes.FIXED[timeframe]
    since = _since(options, at) or timeframes.floor(at, timeframe) - CANDLES * length
    rows = candles_of(series.exchange_id, series.environment, series.symbol, timeframe, since, at)
    if not rows:
        raise CommandError(f"There are no {timeframe} candles of {series.symbol} since {since:%Y-%m-%d %H:%M} UTC.")
    holes = CandleHole.objects.filter(series=series, until__gt=since).values_list("since", "until")
    title = f"{series.symbol} at {series.exchange_id}, {timeframe}{_aside(series.environment)}"
    pictures.candles(out, rows, title=title, length=length, holes=list(holes))


PICTURES = {"equity": _equity, "drawdown": _drawdown, "allocation": _allocation, "candles": _candles}


def _pictures() -> Any:
    # Here and not above: every process that knows commands would otherwise carry the library that draws.
    from alphapulse.portfolio import pictures

    return pictures


def _whose(options: dict[str, Any]) -> tuple[Workspace, str]:
    accounts = ExchangeAccount.objects.live().order_by("workspace__name", "environment")
    if options["workspace"]:
        accounts = accounts.filter(workspace__name=options["workspace"])
    if options["environment"]:
        accounts = accounts.filter(environment=options["environment"])
    places = list(accounts.values_list("workspace", "workspace__name", "environment").distinct())
    if not places:
        raise CommandError("There are no such accounts: `manage.py add_account` makes one.")
    if len(places) > 1:
        names = ", ".join(f"{name} ({environment})" for _, name, environment in places[:10])
        raise CommandError(f"Say whose, with --workspace and --environment: there are {names}.")
    [(workspace_id, _, environment)] = places
    return Workspace.objects.get(pk=workspace_id), environment


def _series(options: dict[str, Any]) -> CandleSeries:
    if not options["symbol"]:
        raise CommandError("Candles are of a market: name it, as in --symbol BTC/USDT.")
    named = {"symbol": options["symbol"], "exchange_id": options["exchange"], "environment": options["environment"]}
    known = CandleSeries.objects.filter(last_at__isnull=False)
    found = list(known.filter(**{name: value for name, value in named.items() if value}).order_by("pk"))
    if not found:
        symbols = sorted(set(known.values_list("symbol", flat=True)))[:10]
        there = f"There are some of {', '.join(symbols)}." if symbols else "No symbol is watched yet."
        raise CommandError(f"No candles of {options['symbol']} are kept. {there}")
    return next((series for series in found if series.timeframe == options["timeframe"]), found[0])


def _since(options: dict[str, Any], at: datetime) -> datetime | None:
    return at - timedelta(days=options["days"]) if options["days"] else None


def _aside(environment: str) -> str:
    return "" if environment == Environment.LIVE else f" ({environment})"


def _refuse_too_few(points: int, currency: str) -> None:
    if points < 2:
        raise CommandError(
            f"{points or 'No'} snapshot{'' if points == 1 else 's'} of a worth that is known in {currency}, and it "
            "takes two: one is taken every five minutes."
        )
