"""The sandbox exchange as a process: Binance's and Bybit's protocols on one port, until it is ended."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.server import run


class Command(BaseCommand):
    help = "Runs the sandbox exchange: http://HOST:PORT/<original-host>/<original-path>, control under /_sandbox/."
    requires_system_checks: list[str] = []  # it needs no database and no settings, and should start at once

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
        parser.add_argument("--port", type=int, default=9100)
        parser.add_argument("--seed", type=int, default=7, help="prices follow from it alone")
        parser.add_argument("--markets", type=int, default=300, help="how many spot markets Binance has")
        parser.add_argument("--candles", type=Path, help="folder of candle files to play instead of walks")
        parser.add_argument("--speed", type=float, default=1.0, help="of prices, candles and funding")
        parser.add_argument("--weight-limit", type=int, default=6000, help="Binance's weight per minute and IP")
        parser.add_argument("--state", type=Path, help="file that keeps accounts and orders between two runs")

    def handle(self, *_args: Any, **options: Any) -> None:
        config = SandboxConfig(
            bind=options["host"],
            port=options["port"],
            seed=options["seed"],
            markets=options["markets"],
            candles=options["candles"],
            speed=options["speed"],
            weight_limit=options["weight_limit"],
            state=options["state"],
        )
        try:
            run(config, on_ready=lambda port: self._say_ready(config, port))
        except OSError as error:
            raise CommandError(f"cannot listen on {config.bind}:{config.port}: {error.strerror}") from None
        except ValueError as error:
            raise CommandError(str(error)) from None

    def _say_ready(self, config: SandboxConfig, port: int) -> None:
        self.stdout.write(f"sandbox ready on http://{config.bind}:{port} (seed {config.seed})")
        self.stdout.flush()
