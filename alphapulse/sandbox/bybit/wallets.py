"""What the account owns: the unified wallet with its margin and the funding wallet; coins and fees."""

from dataclasses import dataclass
from decimal import Decimal

from alphapulse.money import plain
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.asks import FUND, UNIFIED, SignedAsk
from alphapulse.sandbox.bybit.params import Category
from alphapulse.sandbox.bybit.risk import CoinRisk, coin_risk
from alphapulse.sandbox.currencies import NUMERAIRE

ZERO = Decimal(0)
_CENT = Decimal("1e-8")
_RATE = Decimal("0.0001")
WALLETS = {"UNIFIED": UNIFIED, "FUND": FUND}
_ALWAYS_SHOWN = ("BTC", "ETH", "USDT", "USDC")  # in the funding wallet, held or not

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Coin:
    """One coin of the unified wallet. A negative wallet balance is borrowed."""

    code: str
    wallet: Decimal
    locked: Decimal
    risk: CoinRisk
    usd: Decimal  # what one is worth

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.risk.unrealised

    @property
    def borrowed(self) -> Decimal:
        return max(ZERO, -self.wallet)

    def shown(self, realised: Decimal) -> Row:
        return {
            "coin": self.code,
            "equity": plain(self.equity),
            "usdValue": plain((self.equity * self.usd).quantize(_CENT)),
            "walletBalance": plain(self.wallet),
            "free": "",
            "locked": plain(self.locked),
            "spotHedgingQty": "0",
            "borrowAmount": plain(self.borrowed),
            "availableToBorrow": "",
            "availableToWithdraw": "",  # Bybit gives no number for unified accounts any more
            "accruedInterest": "0",
            "totalOrderIM": plain(self.risk.order_margin.quantize(_CENT)),
            "totalPositionIM": plain(self.risk.position_margin.quantize(_CENT)),
            "totalPositionMM": plain(self.risk.maintenance.quantize(_CENT)),
            "unrealisedPnl": plain(self.risk.unrealised.quantize(_CENT)),
            "cumRealisedPnl": plain(realised),
            "bonus": "0",
            "marginCollateral": True,
            "collateralSwitch": True,
            "spotBorrow": plain(self.borrowed),
        }


def wallet_balance(ask: SignedAsk) -> Row:
    account_type = ask.params.required("accountType")
    if account_type != "UNIFIED":
        raise errors.bad_parameter("accountType only support UNIFIED.")
    ask.check_wallet(UNIFIED)
    coins = [_coin(ask, code) for code in _unified_codes(ask)]
    return {"list": [_totals(coins) | {"coin": [coin.shown(_realised(ask, coin.code)) for coin in coins]}]}


def _unified_codes(ask: SignedAsk) -> list[str]:
    """Those asked for, or all that are not empty."""
    asked = ask.params.text("coin")
    if asked is not None:
        return [code for code in asked.split(",") if code]
    held = [code for code, holding in ask.account.wallets.get(UNIFIED, {}).items() if holding.total]
    settled = {ask.listings.find(Category.LINEAR, leg.symbol).settle for leg in ask.account.positions.open_legs()}
    return [*held, *sorted(settled - set(held))]


def _coin(ask: SignedAsk, code: str) -> _Coin:
    holding = ask.account.held(UNIFIED, code)
    return _Coin(code, holding.total, holding.locked, coin_risk(ask, code), _usd(ask, code))


def _usd(ask: SignedAsk, code: str) -> Decimal:
    price = ask.exchange.prices.price(code, NUMERAIRE, ask.exchange.clock.market_ms())
    return Decimal(f"{price:.8f}")


def _realised(ask: SignedAsk, code: str) -> Decimal:
    kinds = ("profit", "funding")
    return sum((entry.amount for entry in ask.account.entries if entry.kind in kinds and entry.currency == code), ZERO)


def _totals(coins: list[_Coin]) -> Row:
    wallet = sum((coin.wallet * coin.usd for coin in coins), ZERO)
    profit = sum((coin.risk.unrealised * coin.usd for coin in coins), ZERO)
    initial = sum(((coin.risk.position_margin + coin.risk.order_margin) * coin.usd for coin in coins), ZERO)
    locked = sum((coin.locked * coin.usd for coin in coins), ZERO)
    maintenance = sum((coin.risk.maintenance * coin.usd for coin in coins), ZERO)
    equity = wallet + profit
    return {
        "accountType": "UNIFIED",
        "totalEquity": plain(equity.quantize(_CENT)),
        "totalWalletBalance": plain(wallet.quantize(_CENT)),
        "totalMarginBalance": plain(equity.quantize(_CENT)),
        "totalAvailableBalance": plain(max(ZERO, equity - initial - locked).quantize(_CENT)),
        "totalPerpUPL": plain(profit.quantize(_CENT)),
        "totalInitialMargin": plain(initial.quantize(_CENT)),
        "totalMaintenanceMargin": plain(maintenance.quantize(_CENT)),
        "accountIMRate": plain((initial / equity).quantize(_RATE)) if equity else "0",
        "accountMMRate": plain((maintenance / equity).quantize(_RATE)) if equity else "0",
        "accountLTV": "0",
    }


def coins_balance(ask: SignedAsk) -> Row:
    """FUND as a whole; of UNIFIED only the coins asked for, as Bybit has it."""
    account_type = ask.params.required("accountType")
    wallet = WALLETS.get(account_type)
    if wallet is None:
        raise errors.bad_parameter("params error: accountType invalid")
    ask.check_wallet(wallet)
    asked = ask.params.text("coin") if wallet == FUND else ask.params.required("coin")
    held = ask.account.wallets.get(wallet, {})
    codes = asked.split(",") if asked else [*_ALWAYS_SHOWN, *(code for code in held if code not in _ALWAYS_SHOWN)]
    rows = []
    for code in codes:
        holding = ask.account.held(wallet, code)
        rows.append(
            {"coin": code, "transferBalance": plain(holding.free), "walletBalance": plain(holding.total), "bonus": ""}
        )
    return {"memberId": str(ask.account.uid), "accountType": account_type, "balance": rows}


def coin_info(ask: SignedAsk) -> Row:
    """Every coin of every listing, dollars and their kin among them."""
    asked = ask.params.text("coin")
    listings = [listing for category in Category for listing in ask.listings.of(category).values()]
    codes = {code for listing in listings for code in (listing.market.base, listing.quote)}
    return {"rows": [_coin_row(code) for code in sorted(codes) if asked in (None, code)]}


def _coin_row(code: str) -> Row:
    chain = {"BTC": "BTC", "SOL": "SOL", "XRP": "XRP", "LTC": "LTC", "DOGE": "DOGE"}.get(code, "ETH")
    return {
        "name": code,
        "coin": code,
        "remainAmount": "10000000",
        "chains": [
            {
                "chain": chain,
                "chainType": chain,
                "confirmation": "6",
                "withdrawFee": "0.0005",
                "depositMin": "0",
                "withdrawMin": "0.001",
                "minAccuracy": "8",
                "chainDeposit": "1",
                "chainWithdraw": "1",
                "withdrawPercentageFee": "0",
                "contractAddress": "",
                "safeConfirmNumber": "60",
            }
        ],
    }


def fee_rate(ask: SignedAsk) -> Row:
    category = ask.params.category(default=Category.LINEAR)
    symbol = ask.params.text("symbol")
    listings = ask.listings.of(category).values()
    wanted = [ask.listings.find(category, symbol)] if symbol else list(listings)
    rows = [
        {
            "symbol": listing.symbol,
            "takerFeeRate": plain(listing.market.taker),
            "makerFeeRate": plain(listing.market.maker),
        }
        for listing in wanted
    ]
    return {"list": rows}
