"""Whatever somebody does over REST leaves an entry: who, to what, from where, with what was before and after."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from rest_framework.test import APIClient

from alphapulse.types import KeyReport
from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.exchanges import keys
from apps.exchanges.models import AccountGroup, ExchangeAccount, fingerprint
from apps.market.models import Market
from apps.sync import tasks
from apps.users.models import Membership, User, Workspace
from apps.users.services import members
from tests.apps import builders
from tests.apps.api import PASSWORD, tokens_of, user
from tests.config.doors import DOORS

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ADDRESS, BROWSER = "192.0.2.44", "a browser of 2026"
KEY = {"api_key": "another-key", "secret": "another-secret", "password": "another-passphrase"}
REPORT = KeyReport(
    wallets=("spot",),
    wallets_not_permitted=(),
    can_trade=True,
    can_withdraw=False,
    ip_restricted=None,
    expires_at=None,
    warnings=(),
)


class World:
    """Somebody with an account, and everything that can be done something to."""

    def __init__(self) -> None:
        self.owner = user()
        self.tokens = tokens_of(self.owner)
        self.account = builders.account()
        builders.state(self.account)
        self.workspace: Workspace = self.account.workspace
        self.guest = user("anna")
        self.client = APIClient(
            HTTP_AUTHORIZATION=f"Bearer {self.tokens.access}", REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT=BROWSER
        )

    def send(self, method: str, path: str, **body: Any) -> Any:
        return self.client.generic(method, f"/api/{path}", json.dumps(body), "application/json")

    def group(self) -> AccountGroup:
        return AccountGroup.objects.create(workspace=self.workspace, name="all")

    def member(self) -> Membership:
        return Membership.objects.create(workspace=self.workspace, user=self.guest, role="viewer")

    def with_two_factor(self) -> str:
        """Confirmed; one of its recovery codes."""
        secret = self.send("POST", "user/two-factor", current_password=PASSWORD).json()["secret"]
        told = self.send("POST", "user/two-factor/confirm", code=pyotp.TOTP(secret).now())
        return told.json()["recovery_codes"][0]


@dataclass(frozen=True, kw_only=True)
class Deed:
    door: str
    act: Callable[[World], Any]
    action: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    status: int = 200
    is_mine: bool = True  # the actor is who asks

    def __str__(self) -> str:
        return f"{self.door} {self.action}"


def deed(door: str, act: Callable[[World], Any], action: str, **more: Any) -> Deed:
    return Deed(door=door, act=act, action=action, **more)


def _in_a_year() -> str:
    return (now() + timedelta(days=300)).isoformat()


def _api_token(world: World) -> int:
    wanted = {"name": "script", "scopes": ["portfolio:read"], "expires_at": _in_a_year()}
    return world.send("POST", "user/tokens", **wanted).json()["id"]


def _accept(world: World) -> Any:
    neighbour = user("neighbours")
    theirs = Workspace.objects.get(name="neighbours")
    token = members.invite(theirs, role="trader", note="", actor=neighbour, now=now())[1]
    return world.send("POST", "user/invitations/accept", token=token)


def _pin(world: World) -> Any:
    name = {"environment": "sandbox", "symbol": "BTC/USDT"}
    Market.objects.create(
        exchange_id="binance",
        market_id="BTCUSDT",
        type="spot",
        base="BTC",
        quote="USDT",
        is_active=True,
        is_inverse=False,
        **name,
    )
    return world.send("POST", "market/pins", exchange_id="binance", timeframe="1h", **name)


PINNED = {"exchange_id": "binance", "environment": "sandbox", "symbol": "BTC/USDT", "timeframe": "1h"}
ACCOUNT = "exchange/accounts/{0.account.pk}"
OF = "user/workspaces/{0.workspace.pk}"
DEEDS = [
    deed(
        "POST api/user/login",
        lambda w: w.send("POST", "user/login", username="family", password=PASSWORD),
        "session.started",
    ),
    deed(
        "POST api/user/login",
        lambda w: w.send("POST", "user/login", username="family", password="a wrong guess"),
        "login.failed",
        status=401,
        is_mine=False,
    ),
    deed("POST api/user/logout", lambda w: w.send("POST", "user/logout"), "session.ended", status=204),
    deed(
        "POST api/user/logout",
        lambda w: w.send("POST", "user/logout", everywhere=True),
        "user.logged_out_everywhere",
        status=204,
    ),
    deed(
        "POST api/user/password",
        lambda w: w.send("POST", "user/password", current_password=PASSWORD, new_password="a much better one 17"),
        "user.password_changed",
    ),
    deed(
        "PUT api/user/settings",
        lambda w: w.send("PUT", "user/settings", base_currency="EUR", time_zone="Europe/Berlin"),
        "user.settings_changed",
        before={"base_currency": "USD", "time_zone": "UTC"},
        after={"base_currency": "EUR", "time_zone": "Europe/Berlin"},
    ),
    deed(
        "DELETE api/user/sessions/<int:session_id>",
        lambda w: w.send("DELETE", f"user/sessions/{(tokens_of(w.owner), w.owner.sessions.latest('pk'))[1].pk}"),
        "session.ended",
        status=204,
    ),
    deed(
        "POST api/user/tokens",
        lambda w: w.send("POST", "user/tokens", name="script", scopes=["portfolio:read"], expires_at=_in_a_year()),
        "api_token.created",
        after={"name": "script", "scopes": ["portfolio:read"]},
        status=201,
    ),
    deed(
        "DELETE api/user/tokens/<int:token_id>",
        lambda w: w.send("DELETE", f"user/tokens/{_api_token(w)}"),
        "api_token.revoked",
        before={"name": "script"},
        status=204,
    ),
    deed(
        "POST api/user/two-factor",
        lambda w: w.send("POST", "user/two-factor", current_password=PASSWORD),
        "two_factor.begun",
        status=201,
    ),
    deed(
        "POST api/user/two-factor/confirm",
        lambda w: w.with_two_factor() and None,
        "two_factor.enabled",
        before={"is_enabled": False},
        after={"is_enabled": True},
    ),
    deed(
        "POST api/user/two-factor/recovery-codes",
        lambda w: w.send("POST", "user/two-factor/recovery-codes", code=w.with_two_factor(), current_password=PASSWORD),
        "two_factor.recovery_codes_renewed",
    ),
    deed(
        "POST api/user/two-factor/disable",
        lambda w: w.send("POST", "user/two-factor/disable", code=w.with_two_factor(), current_password=PASSWORD),
        "two_factor.disabled",
        before={"is_enabled": True},
        after={"is_enabled": False},
        status=204,
    ),
    deed(
        "PUT api/user/workspaces/<int:workspace_id>/members/<int:user_id>",
        lambda w: w.send("PUT", f"{OF.format(w)}/members/{w.member().user_id}", role="admin"),
        "member.role_changed",
        before={"role": "viewer"},
        after={"role": "admin"},
    ),
    deed(
        "DELETE api/user/workspaces/<int:workspace_id>/members/<int:user_id>",
        lambda w: w.send("DELETE", f"{OF.format(w)}/members/{w.member().user_id}"),
        "member.removed",
        before={"role": "viewer"},
        status=204,
    ),
    deed(
        "POST api/user/workspaces/<int:workspace_id>/invitations",
        lambda w: w.send("POST", f"{OF.format(w)}/invitations", role="trader", note="for Anna"),
        "invitation.created",
        after={"role": "trader", "note": "for Anna"},
        status=201,
    ),
    deed(
        "DELETE api/user/workspaces/<int:workspace_id>/invitations/<int:invitation_id>",
        lambda w: w.send(
            "DELETE",
            f"{OF.format(w)}/invitations/"
            f"{members.invite(w.workspace, role='admin', note='', actor=w.owner, now=now())[0].pk}",
        ),
        "invitation.canceled",
        before={"role": "admin"},
        status=204,
    ),
    deed("POST api/user/invitations/accept", _accept, "invitation.accepted", after={"role": "trader"}),
    deed(
        "POST api/exchange/accounts",
        lambda w: w.send("POST", "exchange/accounts", exchange_id="bybit", label="other", **KEY),
        "account.created",
        after={"exchange_id": "bybit", "label": "other", "environment": "live"},
        status=201,
    ),
    deed(
        "PATCH api/exchange/accounts/<int:account_id>",
        lambda w: w.send("PATCH", ACCOUNT.format(w), label="savings"),
        "account.changed",
        before={"label": "main"},
        after={"label": "savings"},
    ),
    deed(
        "PUT api/exchange/accounts/<int:account_id>/credentials",
        lambda w: w.send("PUT", f"{ACCOUNT.format(w)}/credentials", **KEY),
        "account.credentials_renewed",
        before={"permissions": {}},
        after={"key": fingerprint(KEY["api_key"])[:12]},
    ),
    deed(
        "POST api/exchange/accounts/<int:account_id>/disable",
        lambda w: w.send("POST", f"{ACCOUNT.format(w)}/disable", reason="holidays"),
        "account.disabled",
        before={"is_enabled": True},
        after={"is_enabled": False, "reason": "holidays"},
    ),
    deed(
        "POST api/exchange/accounts/<int:account_id>/enable",
        lambda w: (
            w.send("POST", f"{ACCOUNT.format(w)}/disable", reason="holidays"),
            w.send("POST", f"{ACCOUNT.format(w)}/enable"),
        )[1],
        "account.enabled",
        before={"is_enabled": False, "reason": "holidays"},
        after={"is_enabled": True},
    ),
    deed(
        "DELETE api/exchange/accounts/<int:account_id>",
        lambda w: w.send("DELETE", ACCOUNT.format(w)),
        "account.archived",
        before={"label": "main", "exchange_id": "binance"},
        status=204,
    ),
    deed(
        "POST api/exchange/accounts/<int:account_id>/resync",
        lambda w: w.send("POST", f"{ACCOUNT.format(w)}/resync", kind="balances"),
        "sync.asked",
        status=202,
    ),
    deed(
        "POST api/exchange/groups",
        lambda w: w.send("POST", "exchange/groups", name="both", account_ids=[w.account.pk]),
        "group.created",
        after={"name": "both"},
        status=201,
    ),
    deed(
        "PATCH api/exchange/groups/<int:group_id>",
        lambda w: w.send("PATCH", f"exchange/groups/{w.group().pk}", name="none"),
        "group.changed",
        before={"name": "all"},
        after={"name": "none"},
    ),
    deed(
        "DELETE api/exchange/groups/<int:group_id>",
        lambda w: w.send("DELETE", f"exchange/groups/{w.group().pk}"),
        "group.removed",
        before={"name": "all"},
        status=204,
    ),
    deed("POST api/market/pins", _pin, "symbol.pinned", after=PINNED, status=201),
    deed(
        "DELETE api/market/pins/<int:pin_id>",
        lambda w: w.send("DELETE", f"market/pins/{_pin(w).json()['id']}"),
        "symbol.unpinned",
        before=PINNED,
        status=204,
    ),
]
# What changes nothing that anybody would ask about, and what is shown by tests of its own app.
NO_DEEDS = {
    "POST api/user/refresh": "the session's row says when it was last seen",
    "POST api/portfolio/optimise": "a calculation that changes nothing; its row says who asked what, and when",
}
SHOWN_ELSEWHERE = {"POST api/system/restart": "tests/apps/system"}


@pytest.fixture
def world(monkeypatch) -> World:
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    monkeypatch.setattr(tasks.resync, "delay", lambda **_: None)
    return World()


@pytest.mark.parametrize("done", DEEDS, ids=str)
def test_what_is_done_over_rest_says_who_to_what_from_where_before_and_after(world, done):
    answer = done.act(world)
    assert answer is None or answer.status_code == done.status, answer.content
    entry = AuditEntry.objects.filter(action=done.action).latest("pk")
    assert entry.address == ADDRESS
    assert entry.user_agent == BROWSER
    method, path = done.door.split()
    assert re.fullmatch(f"{method} /{re.sub('<int:[a-z_]+>', '[0-9]+', path)}", entry.via)
    assert (entry.actor, entry.actor_name) == ((world.owner, "family") if done.is_mine else (None, ""))
    for wanted, told in ((done.before, entry.before), (done.after, entry.after)):
        assert wanted is None or {name: told[name] for name in wanted} == wanted


@pytest.mark.parametrize("done", DEEDS, ids=str)
def test_no_entry_holds_a_secret(world, done):
    answer = done.act(world)
    assert answer is None or answer.status_code == done.status, answer.content
    told = str(list(AuditEntry.objects.values()))
    for secret in (
        *KEY.values(),
        PASSWORD,
        "a much better one 17",
        "a wrong guess",
        world.tokens.access,
        world.tokens.refresh,
    ):
        assert secret not in told
    for row in ExchangeAccount.objects.exclude(sealed_credentials=""):
        assert row.sealed_credentials not in told


def test_every_door_that_changes_something_is_in_the_table():
    doors = {str(each) for each in DOORS if each.method != "GET"}
    assert doors == {each.door for each in DEEDS} | (doors & {*NO_DEEDS, *SHOWN_ELSEWHERE})


def test_with_a_session_or_a_personal_token_the_entry_says_by_which(world):
    world.send("PUT", "user/settings", base_currency="EUR")
    entry = AuditEntry.objects.get(action="user.settings_changed")
    assert entry.opened_by == f"session.{world.owner.sessions.get().pk}"
    expires_at = _in_a_year()
    told = world.send("POST", "user/tokens", name="script", scopes=["accounts:write"], expires_at=expires_at).json()
    script = APIClient(HTTP_AUTHORIZATION=f"Bearer {told['token']}")
    assert script.post(f"/api/{ACCOUNT.format(world)}/disable", {}, format="json").status_code == 200
    assert AuditEntry.objects.get(action="account.disabled").opened_by == f"token.{told['id']}"


def test_a_lock_out_is_written_down_with_its_address(world):
    for _ in range(5):
        world.send("POST", "user/login", username="family", password="a wrong guess")
    entry = AuditEntry.objects.get(action="login.locked_out")
    assert (entry.actor, entry.address) == (None, ADDRESS)
    assert entry.before == {"locked_until": None}
    assert entry.after["locked_until"] > now().isoformat()


def test_a_user_who_is_deactivated_leaves_that_sessions_ended(world):
    world.owner.is_active = False
    world.owner.save()
    entry = AuditEntry.objects.get(action="user.sessions_ended")
    assert entry.details == {"sessions": 1, "why": "user deactivated"}


def test_a_user_who_is_made_is_written_down():
    User.objects.create_superuser("boss", password="p")
    entry = AuditEntry.objects.get(action="user.created")
    assert entry.after == {"username": "boss", "email": "", "is_staff": True, "is_superuser": True}
