"""What a token may be good for, and who may hold it: the one table.

A view names the scope of each of its methods. Who asks needs it in the token, and where a workspace's rows are
changed, the role that the scope asks for in that workspace.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    USER_READ = "user:read"
    USER_WRITE = "user:write"
    PORTFOLIO_READ = "portfolio:read"
    ACCOUNTS_WRITE = "accounts:write"
    SYNC_WRITE = "sync:write"
    TRADE_WRITE = "trade:write"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    MARKET_READ = "market:read"
    MARKET_WRITE = "market:write"
    MEMBERS_WRITE = "members:write"
    AUDIT_READ = "audit:read"
    SYSTEM_METRICS = "system:metrics"
    SYSTEM_OPS = "system:ops"


# From the least to the most: each may do what those before it may.
ROLES = ("viewer", "trader", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    meaning: str
    role: str = "viewer"  # in the workspace whose rows are meant
    staff_only: bool = False
    # Who holds it could make itself more: a personal token, which lies in scripts, never has it.
    sessions_only: bool = False


GRANTS: dict[Scope, Grant] = {
    Scope.USER_READ: Grant(meaning="my profile, settings, and the workspaces I am in"),
    Scope.USER_WRITE: Grant(meaning="my settings, password, sessions and tokens", sessions_only=True),
    Scope.PORTFOLIO_READ: Grant(meaning="accounts, balances, positions, orders, and how their syncs go"),
    Scope.ACCOUNTS_WRITE: Grant(meaning="add, change and delete exchange accounts, and their groups", role="admin"),
    Scope.SYNC_WRITE: Grant(meaning="ask for a resync", role="trader"),
    Scope.TRADE_WRITE: Grant(meaning="place and cancel orders", role="trader"),
    Scope.ALERTS_READ: Grant(meaning="alert rules and what became of them"),
    Scope.ALERTS_WRITE: Grant(meaning="make and change alert rules", role="trader"),
    Scope.MARKET_READ: Grant(meaning="prices, candles and indicators"),
    Scope.MARKET_WRITE: Grant(meaning="pin symbols, whose candles are read then", role="trader"),
    Scope.MEMBERS_WRITE: Grant(meaning="invite to a workspace, change roles", role="admin", sessions_only=True),
    Scope.AUDIT_READ: Grant(meaning="what was done in a workspace, by whom and from where", role="admin"),
    Scope.SYSTEM_METRICS: Grant(meaning="Prometheus metrics", staff_only=True),
    Scope.SYSTEM_OPS: Grant(meaning="restart processes, see the whole system", staff_only=True),
}


def open_to(*, is_staff: bool) -> frozenset[Scope]:
    """What a session of such a user may hold."""
    return frozenset(scope for scope, grant in GRANTS.items() if is_staff or not grant.staff_only)


def parse(words: Iterable[str]) -> frozenset[Scope]:
    """Those that there are; what an older or a newer version called otherwise opens nothing."""
    known = set(words)
    return frozenset(scope for scope in Scope if scope in known)


def is_enough(role: str, scope: Scope) -> bool:
    """May somebody of that role do with a workspace's rows what the scope is for?"""
    return ROLES.index(role) >= ROLES.index(GRANTS[scope].role)
