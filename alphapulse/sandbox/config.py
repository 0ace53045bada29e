"""How a sandbox is set up."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """`markets` is the number of Binance's spot markets; the others are proportions of it.

    `weight_limit` is Binance's weight per minute and IP, `patience` how many 429s an IP may ignore before the 418.
    """

    bind: str = "127.0.0.1"
    port: int = 9100
    seed: int = 7
    markets: int = 300
    candles: Path | None = None
    speed: float = 1.0
    weight_limit: int = 6000
    patience: int = 10
    first_ban_s: int = 120
    state: Path | None = None
    kept_requests: int = 20_000
