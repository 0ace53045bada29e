"""The sandbox's coins: names, what one is worth in USDT, and how wildly it moves."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

# Worth in USDT, around which the walk swings. Rank is liquidity: the first are listed against most quotes.
_WORTH = """
BTC 64250 ETH 3420 SOL 148 BNB 585 XRP 0.62 DOGE 0.128 ADA 0.41 USDC 1.0002 TRX 0.134 AVAX 27.4 SHIB 0.0000176
TON 6.9 LINK 13.8 DOT 6.1 LTC 72 BCH 385 NEAR 5.2 UNI 7.9 PEPE 0.0000118 ICP 8.3 APT 7.4 XLM 0.101 ETC 22.6
POL 0.53 FIL 4.3 ARB 0.78 OP 1.82 ATOM 6.4 HBAR 0.071 SUI 0.93 INJ 24.1 IMX 1.55 GRT 0.2 RUNE 4.6 VET 0.027
AAVE 98 MKR 2450 ALGO 0.142 FTM 0.55 SAND 0.33 MANA 0.34 AXS 6.1 THETA 1.55 XTZ 0.78 EOS 0.56 FLOW 0.66
CHZ 0.071 CRV 0.29 SNX 1.62 COMP 49 LDO 1.71 GALA 0.022 WIF 2.1 FLOKI 0.00017 BONK 0.000024 JUP 0.89
SEI 0.36 TIA 6.7 STX 1.62 DYDX 1.41 ENS 24.6 QNT 78 KAVA 0.41 ZEC 29.8 DASH 24.1 XMR 160 NEO 11.3 IOTA 0.17
ROSE 0.081 CAKE 2.1 1INCH 0.33 ENJ 0.17 ZIL 0.0165 BAT 0.19 HOT 0.0017 ONE 0.0131 ANKR 0.027 CELO 0.56
KSM 22.9 YFI 5900 SUSHI 0.77 LRC 0.19 OCEAN 0.63 FET 1.32 AGIX 0.61 RNDR 7.1 WLD 2.6 PYTH 0.36 JTO 2.6 ORDI 38
BLUR 0.21 ID 0.42 MAGIC 0.44 GMX 28.7 LUNC 0.000084 LUNA 0.41 USTC 0.017 FDUSD 0.9991 TUSD 0.9987 DAI 0.9999
EUR 1.083 WBTC 64180 STETH 3415 PAXG 2390 ARKM 1.61 PENDLE 4.3 ENA 0.47 ETHFI 2.2 STRK 0.62 MANTA 0.95 ALT 0.17
AI 0.52 XAI 0.42 NFP 0.31 ACE 3.1 PIXEL 0.22 PORTAL 0.48 DYM 1.9 RAY 1.8 JASMY 0.028 C98 0.16 MASK 2.5 HOOK 0.55
HIGH 1.6 SSV 26 FXS 2.7 CVX 2.6 BAL 2.5 BAND 1.3 KNC 0.55 NMR 18 OMG 0.34 QTUM 2.6 RVN 0.019 SC 0.0053 WAVES 1.1
ZRX 0.35 STORJ 0.46 SKL 0.046 COTI 0.1 CTSI 0.16 DENT 0.00098 DUSK 0.23 FLUX 0.65 GLM 0.36 ICX 0.15 IOST 0.0062
KEY 0.0048 LSK 0.87 MTL 1.1 NKN 0.095 OGN 0.1 ONT 0.21 POWR 0.22 REN 0.045 RLC 2.1 SXP 0.27 TFUEL 0.067 TRB 78
UMA 2.4 WOO 0.19 XVS 7.4 YGG 0.48 ZEN 8.1
"""
_FIAT_WORTH = {"TRY": 0.0305, "BRL": 0.184, "JPY": 0.0064, "GBP": 1.27, "PLN": 0.254, "UAH": 0.0247}
_STABLE = frozenset({"USDC", "FDUSD", "TUSD", "DAI"})
_FIAT = frozenset({"EUR", *_FIAT_WORTH})
NUMERAIRE = "USDT"
_DOLLARS = (NUMERAIRE, "USD")


@dataclass(frozen=True, slots=True)
class Currency:
    """`beta` couples it to the market's common walk, `volatility` (per year) is its own."""

    code: str
    worth: float
    beta: float
    volatility: float

    @property
    def is_fiat(self) -> bool:
        return self.code in _FIAT


def _typed_worth() -> dict[str, float]:
    words = _WORTH.split()
    return {code: float(worth) for code, worth in zip(words[::2], words[1::2], strict=True)}


KNOWN = _typed_worth() | _FIAT_WORTH


@lru_cache(maxsize=8192)
def currency(code: str) -> Currency:
    """Any code at all is a currency; what is not typed above gets its worth from its name."""
    if code in _DOLLARS:
        return Currency(code, 1.0, 0.0, 0.0)
    if code in _STABLE:
        return Currency(code, KNOWN[code], 0.0, 0.003)
    if code in _FIAT:
        return Currency(code, KNOWN[code], 0.0, 0.06)
    chance = int.from_bytes(blake2b(code.encode(), digest_size=4).digest(), "big") / 2**32
    worth = KNOWN.get(code) or 10 ** (chance * 6 - 4)
    return Currency(code, worth, 0.8 + chance * 0.6, 0.25 + chance * 0.5)


@lru_cache(maxsize=1)
def bases() -> tuple[str, ...]:
    """Codes by rank: the typed ones, then as many made-up four-letter ones as anybody may need."""
    letters = "AEIOU", "BDFGKLMNPRSTVZ"
    made = [a + b + c + d for a in letters[1] for b in letters[0] for c in letters[1] for d in letters[0]]
    spread = [made[(index * 1237) % len(made)] for index in range(len(made))]
    return (*_typed_worth(), *(code for code in spread if code not in KNOWN))


_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana", "XRP": "Ripple", "DOGE": "Dogecoin", "ADA": "Cardano"}


def currency_name(code: str) -> str:
    return _NAMES.get(code, code.title() if len(code) > 3 else code)
