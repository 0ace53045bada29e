"""A body for each address that takes one, with which it answers 2xx: made for its owner, who is staff.

And a query for each that needs one, about the market of `furnished`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pyotp

from apps.core.clock import now
from apps.users.models import User
from apps.users.services import members, two_factor
from tests.apps.api import PASSWORD, tokens_of, user
from tests.config.furnished import CANDLES, FEATURE
from tests.config.objects import own_workspace

PROOF = {"current_password": PASSWORD}


def _code(owner: User) -> dict[str, str]:
    return {"code": pyotp.TOTP(two_factor.begin(owner, now=now())).now()}


def _proof_and_code(owner: User) -> dict[str, str]:
    secret = two_factor.begin(owner, now=now())
    (code, *_) = two_factor.confirm(owner, pyotp.TOTP(secret).now(), now=now())
    return PROOF | {"code": code}


def _invitation(owner: User) -> dict[str, str]:
    neighbour = user("neighbours")
    return {
        "token": members.invite(own_workspace(neighbour), role="viewer", note="", actor=neighbour, now=now())[1],
    }


def _token(owner: User) -> dict[str, Any]:
    return {"name": "a", "scopes": ["market:read"], "expires_at": (now() + timedelta(days=1)).isoformat()}


KEYS = {"api_key": "another-key", "secret": "another-secret"}
OPTIMISE = {
    "strategy": "black_litterman",
    "environment": "sandbox",
    "assets": ["BTC", "ETH"],
    "weights": [{"asset": "BTC", "weight": 0.6}, {"asset": "ETH", "weight": 0.4}],
    "constraints": {"most": 0.9, "bounds": [{"asset": "BTC", "least": 0.1}], "max_turnover": 0.5},
    "views": [{"asset": "BTC", "over": "ETH", "annual_return": 0.1}],
}
MADE: Mapping[str, Callable[[User], dict[str, Any]]] = {
    "POST api/user/login": lambda owner: {"username": owner.username, "password": PASSWORD},
    "POST api/user/refresh": lambda owner: {"refresh": tokens_of(owner).refresh},
    "POST api/user/password": lambda owner: PROOF | {"new_password": "another battery staple"},
    "POST api/user/tokens": _token,
    "POST api/user/two-factor": lambda owner: PROOF,
    "POST api/user/two-factor/confirm": _code,
    "POST api/user/two-factor/recovery-codes": _proof_and_code,
    "POST api/user/two-factor/disable": _proof_and_code,
    "PUT api/user/workspaces/<int:workspace_id>/members/<int:user_id>": lambda owner: {"role": "trader"},
    "POST api/user/workspaces/<int:workspace_id>/invitations": lambda owner: {"role": "viewer"},
    "POST api/user/invitations/accept": _invitation,
    "POST api/exchange/accounts": lambda owner: KEYS | {"exchange_id": "binance", "label": "another"},
    "PUT api/exchange/accounts/<int:account_id>/credentials": lambda owner: KEYS,
    "POST api/exchange/groups": lambda owner: {"name": "some"},
    "POST api/market/pins": lambda owner: CANDLES,
    "POST api/portfolio/optimise": lambda owner: OPTIMISE,
    "POST api/system/restart": lambda owner: {"beat": True},
}


def good_body(door: str, owner: User) -> dict[str, Any]:
    """What the others take may be left out."""
    return MADE.get(door, lambda _: {})(owner)


QUERIES: Mapping[str, dict[str, str]] = {
    "GET api/market/export": CANDLES,
    "GET api/market/features/values": CANDLES | {"feature": FEATURE},
    "GET api/market/history": CANDLES,
    "GET api/market/indicators": CANDLES | {"indicators": "RSI(timeperiod=5),MACD"},
}


def good_query(door: str) -> dict[str, str]:
    """The others need none."""
    return QUERIES.get(door, {})
