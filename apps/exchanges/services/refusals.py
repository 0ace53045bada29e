"""What an account cannot be, said before anything is asked or stored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from difflib import get_close_matches

from django.db import IntegrityError

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.known import known_exchange_ids
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import Environment, ExchangeAccount

# No exchange has a past before the first block of all.
GENESIS = date(2009, 1, 3)


def known_exchange(exchange_id: str) -> str:
    wanted, known = exchange_id.strip().lower(), known_exchange_ids()
    if wanted in known:
        return wanted
    near = get_close_matches(wanted, known, n=3)
    hint = (
        f" Did you mean {' or '.join(near)}?"
        if near
        else " Any exchange id of ccxt will do: binance, bybit, kraken ..."
    )
    raise AccountRefused(f"There is no exchange called {wanted!r}.{hint}", field="exchange_id")


def known_environment(environment: str) -> str:
    if environment not in Environment.values:
        raise AccountRefused(
            f"{environment!r} is no environment: it is {' or '.join(Environment.values)}.", field="environment"
        )
    return environment


def refuse_unknown_wallets(exchange_id: str, wallets: Sequence[str]) -> None:
    """Raises AccountRefused for a wallet that we do not read there: a misspelt one would silently stay unread."""
    known = sorted(catalogue.exchange(exchange_id).wallets)
    unknown = [wallet for wallet in wallets if wallet not in known]
    if unknown:
        there_are = f"it has {', '.join(known)}" if known else "leave it empty"
        raise AccountRefused(f"{exchange_id} has no wallet {', '.join(unknown)}: {there_are}.", field="wallets")


def refuse_impossible_start(history_from: date | None, at: datetime) -> None:
    """Raises AccountRefused. Of the year 1 on there would be windows for ever, and nothing is proven of the future."""
    if history_from is not None and not GENESIS <= history_from <= at.date():
        raise AccountRefused(f"Expected a day from {GENESIS} to today.", field="history_from")


def readable(label: str) -> str:
    label = label.strip()
    longest = ExchangeAccount._meta.get_field("label").max_length
    if not label or len(label) > longest or not label.isprintable():
        raise AccountRefused(f"An account needs a label: one line of 1 to {longest} letters.", field="label")
    if label.isdecimal():
        raise AccountRefused("A label that is a number would be taken for an id: add a letter.", field="label")
    return label


def refuse_twins(account: ExchangeAccount) -> None:
    others = ExchangeAccount.objects.live().filter(workspace=account.workspace).exclude(pk=account.pk)
    if others.filter(label=account.label).exists():
        raise AccountRefused(
            f"{account.workspace} already has an account called {account.label!r}: choose another label.", field="label"
        )
    same_key = others.filter(
        exchange_id=account.exchange_id, environment=account.environment, key_fingerprint=account.key_fingerprint
    ).first()
    if same_key:
        raise AccountRefused(
            f"This key is already in use by the account {same_key.label!r}: the same money would count twice.",
            field="api_key",
        )


@contextmanager
def told_of_twins(account: ExchangeAccount) -> Iterator[None]:
    """Two at once: who comes second is told the same as who looks first."""
    try:
        yield
    except IntegrityError:
        refuse_twins(account)
        raise
