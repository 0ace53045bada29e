"""Every address of the API, and what it takes to come in: whoever adds one adds its row here."""

from dataclasses import dataclass, field
from typing import Any

from apps.users.scopes import Scope


@dataclass(frozen=True, kw_only=True)
class Door:
    method: str
    path: str
    scope: Scope | None  # None: open to strangers
    # Whether the role that the scope asks for is asked for here: a list shows what one may see.
    takes_role: bool = False
    # What stands in its path belongs to no workspace: all who have the scope may see it.
    is_of_all_ops: bool = False
    body: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def door(words: str, scope: Scope | None, **more: Any) -> Door:
    method, path = words.split()
    return Door(method=method, path=path, scope=scope, **more)


WORKSPACE = "api/user/workspaces/<int:workspace_id>"
ACCOUNT = "api/exchange/accounts/<int:account_id>"
GROUP = "api/exchange/groups/<int:group_id>"
DOORS = [
    door("POST api/user/login", None),
    door("POST api/user/refresh", None),
    door("POST api/user/logout", Scope.USER_WRITE),
    door("POST api/user/password", Scope.USER_WRITE),
    door("GET api/user/profile", Scope.USER_READ),
    door("GET api/user/settings", Scope.USER_READ),
    door("PUT api/user/settings", Scope.USER_WRITE),
    door("GET api/user/sessions", Scope.USER_WRITE),
    door("DELETE api/user/sessions/<int:session_id>", Scope.USER_WRITE),
    door("GET api/user/tokens", Scope.USER_WRITE),
    door("POST api/user/tokens", Scope.USER_WRITE),
    door("DELETE api/user/tokens/<int:token_id>", Scope.USER_WRITE),
    door("GET api/user/two-factor", Scope.USER_READ),
    door("POST api/user/two-factor", Scope.USER_WRITE),
    door("POST api/user/two-factor/confirm", Scope.USER_WRITE),
    door("POST api/user/two-factor/recovery-codes", Scope.USER_WRITE),
    door("POST api/user/two-factor/disable", Scope.USER_WRITE),
    door(f"GET {WORKSPACE}/members", Scope.USER_READ),
    door(f"PUT {WORKSPACE}/members/<int:user_id>", Scope.MEMBERS_WRITE, takes_role=True),
    door(f"DELETE {WORKSPACE}/members/<int:user_id>", Scope.MEMBERS_WRITE, takes_role=True),
    door(f"GET {WORKSPACE}/invitations", Scope.MEMBERS_WRITE, takes_role=True),
    door(f"POST {WORKSPACE}/invitations", Scope.MEMBERS_WRITE, takes_role=True, body={"role": "viewer"}),
    door(f"DELETE {WORKSPACE}/invitations/<int:invitation_id>", Scope.MEMBERS_WRITE, takes_role=True),
    door(f"GET {WORKSPACE}/audit", Scope.AUDIT_READ, takes_role=True),
    door("POST api/user/invitations/accept", Scope.USER_WRITE),
    door("GET api/exchange/accounts", Scope.PORTFOLIO_READ),
    door("POST api/exchange/accounts", Scope.ACCOUNTS_WRITE),
    door(f"GET {ACCOUNT}", Scope.PORTFOLIO_READ),
    door(f"PATCH {ACCOUNT}", Scope.ACCOUNTS_WRITE, takes_role=True),
    door(f"DELETE {ACCOUNT}", Scope.ACCOUNTS_WRITE, takes_role=True),
    door(f"PUT {ACCOUNT}/credentials", Scope.ACCOUNTS_WRITE, takes_role=True),
    door(f"POST {ACCOUNT}/disable", Scope.ACCOUNTS_WRITE, takes_role=True),
    door(f"POST {ACCOUNT}/enable", Scope.ACCOUNTS_WRITE, takes_role=True),
    door(f"POST {ACCOUNT}/resync", Scope.SYNC_WRITE, takes_role=True),
    door("GET api/exchange/groups", Scope.PORTFOLIO_READ),
    door("POST api/exchange/groups", Scope.ACCOUNTS_WRITE),
    door(f"GET {GROUP}", Scope.PORTFOLIO_READ),
    door(f"PATCH {GROUP}", Scope.ACCOUNTS_WRITE, takes_role=True),
    door(f"DELETE {GROUP}", Scope.ACCOUNTS_WRITE, takes_role=True),
    door("GET api/exchange/balance", Scope.PORTFOLIO_READ),
    door("GET api/exchange/orders", Scope.PORTFOLIO_READ),
    door("GET api/exchange/trades", Scope.PORTFOLIO_READ),
    door("GET api/exchange/transfers", Scope.PORTFOLIO_READ),
    door("GET api/exchange/funding", Scope.PORTFOLIO_READ),
    door("GET api/exchange/ledger", Scope.PORTFOLIO_READ),
    door("GET api/exchange/history", Scope.PORTFOLIO_READ),
    door("POST api/portfolio/optimise", Scope.PORTFOLIO_READ, body={"strategy": "equal_weight"}),
    door("GET api/market/features", Scope.MARKET_READ),
    door("GET api/market/features/values", Scope.MARKET_READ),
    door("GET api/market/indicators", Scope.MARKET_READ),
    door("GET api/market/indicators/names", Scope.MARKET_READ),
    door("GET api/portfolio/optimise/<int:proposal_id>", Scope.PORTFOLIO_READ),
    door("GET api/portfolio/performance", Scope.PORTFOLIO_READ),
    door("GET api/portfolio/pnl", Scope.PORTFOLIO_READ),
    door("GET api/market/export", Scope.MARKET_READ),
    door("GET api/market/history", Scope.MARKET_READ),
    door("GET api/market/pins", Scope.MARKET_READ),
    door("POST api/market/pins", Scope.MARKET_WRITE),
    door("DELETE api/market/pins/<int:pin_id>", Scope.MARKET_WRITE, takes_role=True),
    door("GET api/market/prices", Scope.MARKET_READ),
    door("GET api/market/symbols", Scope.MARKET_READ),
    door("GET api/portfolio/allocation", Scope.PORTFOLIO_READ),
    door("GET api/portfolio/history", Scope.PORTFOLIO_READ),
    door("GET api/portfolio/positions", Scope.PORTFOLIO_READ),
    door("GET api/portfolio/summary", Scope.PORTFOLIO_READ),
    door("GET api/system/status", Scope.PORTFOLIO_READ),
    door("GET api/system/metrics", Scope.SYSTEM_METRICS),
    door("POST api/system/restart", Scope.SYSTEM_OPS, body={"beat": True}),
    door("GET api/system/restart/<int:restart_id>", Scope.SYSTEM_OPS, is_of_all_ops=True),
]
