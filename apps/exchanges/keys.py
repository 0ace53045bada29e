"""API keys: complete or not, accepted or not, and what they may do, in words for their owner."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.ccxt.known import required_credentials
from alphapulse.exchanges.ccxt.loop import run
from alphapulse.exchanges.ccxt.permissions import QUESTIONS, Permissions, warnings
from alphapulse.exchanges.errors import BadResponse, CredentialsRejected, ExchangeError, RateLimited, Transient
from alphapulse.exchanges.route import Route
from alphapulse.types import Credentials, KeyReport
from apps.core.clock import now
from apps.exchanges import connections, health
from apps.exchanges.models import Environment, ExchangeAccount

# The first question in a process loads the exchange's market table too.
CHECK_DEADLINE = timedelta(seconds=45)
ASK_DEADLINE = timedelta(seconds=30)

# Ours; another server behind SANDBOX_URL may speak more.
SANDBOX_SPEAKS = ("binance", "bybit")

WORDS = {
    "api_key": "API key",
    "secret": "secret of the API key",
    "password": "password of the API key (the passphrase chosen when it was made)",
}


class AccountRefused(Exception):
    """What was asked for an account cannot be done: what is wrong and what to do. `field` names the culprit."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def complete(credentials: Credentials, exchange_id: str) -> Credentials:
    """Without the blanks that copying brings along. Raises AccountRefused when one is missing or cannot be right."""
    clean = replace(
        credentials,
        api_key=credentials.api_key.strip(),
        secret=credentials.secret.strip(),
        password=credentials.password.strip(),
    )
    name = catalogue.exchange(exchange_id).name
    for field in required_credentials(exchange_id):
        if field not in WORDS:
            raise AccountRefused(
                f"{name} signs with a {field}; accounts of that kind are not supported.", field="exchange_id"
            )
        if not getattr(clean, field):
            raise AccountRefused(f"{name} needs the {WORDS[field]}.", field=field)
    if not clean.api_key.isprintable() or any(letter.isspace() for letter in clean.api_key):
        raise AccountRefused("The API key has a blank or a line break in it: copy it once more.", field="api_key")
    return clean


def refuse_withdrawals(report: KeyReport | None, *, may_withdraw: bool) -> None:
    """Whoever steals a key that may withdraw has the money. Raises AccountRefused, unless `may_withdraw` insists."""
    if report is not None and report.can_withdraw and not may_withdraw:
        raise AccountRefused(
            "This key has the right to withdraw, which nothing here needs: make one without it at the exchange. "
            "Who insists says so: `may_withdraw` over REST, `--may-withdraw` by command, the box in the admin.",
            field="api_key",
        )


def check(account: ExchangeAccount) -> KeyReport:
    """Asks the exchange whether it accepts the key, and what for. Raises AccountRefused."""
    route = known_route(account)
    _refuse_while_banned(route)
    try:
        return _checked(route, connections.credentials(account))
    except CredentialsRejected as refusal:
        raise AccountRefused(f"{refusal.message} {refusal.advice}", field="api_key") from None
    except ExchangeError as failure:
        raise AccountRefused(f"The key could not be checked: {_unchecked(account, failure)}") from None


def known_route(account: ExchangeAccount) -> Route:
    """Which way its requests leave. Raises AccountRefused for a way that is not configured."""
    try:
        return connections.route_of(account)
    except connections.UnknownEgress as refusal:
        raise AccountRefused(f"{refusal.message} {refusal.advice}", field="egress") from None


def _checked(route: Route, credentials: Credentials) -> KeyReport:
    try:
        return run(_report(route, credentials), deadline=CHECK_DEADLINE)
    except RateLimited as refusal:
        health.heed(route, refusal, at=now())
        raise


def _unchecked(account: ExchangeAccount, failure: ExchangeError) -> str:
    """What went wrong and what to do; the errors' own advice speaks of syncs, and nothing is stored here yet."""
    if account.environment == Environment.SANDBOX and account.exchange_id not in SANDBOX_SPEAKS:
        return f"{failure.message} The sandbox exchange speaks Binance and Bybit only."
    if isinstance(failure, Transient):
        return f"{failure.message} Try again in a while."
    if isinstance(failure, BadResponse):
        return f"{failure.message} Try again; if it repeats, report it."
    return f"{failure.message} {failure.advice}"


def _refuse_while_banned(route: Route) -> None:
    """Asking in spite of a ban makes it longer, for everybody who leaves by this egress."""
    until = health.banned_until(route, now())
    if until is not None:
        raise AccountRefused(
            f"{health.ban_in_words(route, until)}: the key cannot be checked before. Try again then, or add the "
            "account by another egress."
        )


# Those that tell what a key may do, and those that tell whose it is.
TELLING = frozenset(QUESTIONS)
TELLING_WHOSE = frozenset(exchange_id for exchange_id, told in catalogue.EXCHANGES.items() if told.owner)


def costs(account: ExchangeAccount) -> Mapping[str, int]:
    """What it costs, by quota, to ask what its key may do, and whose it is where that is not known."""
    question, owner = QUESTIONS.get(account.exchange_id), account.exchange.owner
    calls = [question.call] if question else []
    if owner and owner.call and not account.exchange_uid:
        calls.append(owner.call)
    return sum((Counter(call.costs) for call in calls), Counter())


def ask_permissions(account: ExchangeAccount) -> Permissions:
    """What the key may do now, and whose it is; `None` where that is not told, or known. Raises ExchangeError."""
    route = connections.route_of(account)
    asking = _granted(route, connections.credentials(account), ask_owner=not account.exchange_uid)
    return run(asking, deadline=ASK_DEADLINE)


async def _granted(route: Route, credentials: Credentials, *, ask_owner: bool) -> Permissions:
    client = await open_client(route, credentials)
    return await client.key_permissions(ask_owner=ask_owner)


async def _report(route: Route, credentials: Credentials) -> KeyReport:
    # On the loop: what a client holds is made there.
    client = await open_client(route, credentials)
    return await client.check_credentials()


def uid_of(told: KeyReport | Permissions) -> str:
    """As the account's row keeps it."""
    longest = ExchangeAccount._meta.get_field("exchange_uid").max_length
    return (told.exchange_uid or "")[:longest]


def permissions(report: KeyReport) -> dict[str, Any]:
    """As the account's row keeps them. `None` is what the exchange does not tell."""
    return {
        "wallets": list(report.wallets),
        "wallets_not_permitted": list(report.wallets_not_permitted),
        "can_trade": report.can_trade,
        "can_withdraw": report.can_withdraw,
        "ip_restricted": report.ip_restricted,
        "expires_at": report.expires_at.isoformat() if report.expires_at else None,
        "warnings": list(report.warnings),
    }


def with_answer(kept: Mapping[str, Any], granted: Permissions) -> dict[str, Any]:
    """What an account's row keeps, with what the exchange says now; what it says nothing of stays."""
    ends = granted.expires_at.isoformat() if granted.expires_at else None
    said = {
        "can_trade": granted.can_trade,
        "can_withdraw": granted.can_withdraw,
        "ip_restricted": granted.ip_restricted,
    }
    return {**kept, **{name: answer for name, answer in said.items() if answer is not None}} | {
        "expires_at": ends,
        "warnings": list(warnings(granted)),
    }


def in_words(permissions: Mapping[str, Any]) -> list[str]:
    """What the key may do, one line each, without the warnings."""
    if not permissions:
        return ["not checked yet"]
    lines = [f"reads {', '.join(filter(None, permissions['wallets'])) or 'balances'}"]
    if permissions["wallets_not_permitted"]:
        lines.append(f"may not read {', '.join(permissions['wallets_not_permitted'])}")
    lines += [_said(permissions["can_trade"], "may trade", "may not trade", "trade")]
    lines += [_said(permissions["can_withdraw"], "may WITHDRAW", "may not withdraw", "withdraw")]
    if permissions["ip_restricted"] is not None:
        lines.append("works from listed IPs only" if permissions["ip_restricted"] else "works from any IP")
    if permissions["expires_at"]:
        lines.append(f"expires on {permissions['expires_at'][:10]}")
    return lines


def _said(answer: bool | None, yes: str, no: str, verb: str) -> str:
    if answer is None:
        return f"the exchange does not tell whether it may {verb}"
    return yes if answer else no
