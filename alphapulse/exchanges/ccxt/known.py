"""What ccxt knows of by name, without asking anybody."""

from functools import cache

import ccxt.async_support

from alphapulse.exchanges.ccxt.differences import CLASSES

# ccxt's names for what signs requests, as ours.
_FIELDS = {"apiKey": "api_key"}


@cache
def known_exchange_ids() -> tuple[str, ...]:
    """Every exchange that an account may belong to, sorted."""
    return tuple(sorted(ccxt.async_support.exchanges))


@cache
def required_credentials(exchange_id: str) -> tuple[str, ...]:
    """What signs this exchange's requests: `api_key`, `secret`, `password`, or ccxt's word for what we do not keep."""
    known = CLASSES.get(exchange_id) or getattr(ccxt.async_support, exchange_id)
    needed = known().requiredCredentials
    return tuple(_FIELDS.get(name, name) for name, is_needed in needed.items() if is_needed)
