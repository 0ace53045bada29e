"""One request on its way to the function that answers it."""

from dataclasses import dataclass

from alphapulse.sandbox.accounts import Account, ApiKey
from alphapulse.sandbox.bybit import errors
from alphapulse.sandbox.bybit.listings import Listings
from alphapulse.sandbox.bybit.params import Params
from alphapulse.sandbox.exchange import Exchange

UNIFIED = "unified"
FUND = "fund"


@dataclass(frozen=True, slots=True)
class Ask:
    """A public request. `now_ms` is the exchange's wall clock."""

    exchange: Exchange
    listings: Listings
    params: Params
    now_ms: int


@dataclass(frozen=True, slots=True)
class SignedAsk(Ask):
    """A private one: whose it is has been checked."""

    account: Account
    key: ApiKey

    def check_wallet(self, wallet: str) -> None:
        if not self.key.allows(wallet):
            raise errors.permission_denied()

    def check_trading(self) -> None:
        self.check_wallet(UNIFIED)
        if not self.key.can_trade:
            raise errors.permission_denied()
