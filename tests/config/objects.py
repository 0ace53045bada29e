"""What stands in the addresses of the API, made for its owner."""

from collections.abc import Callable
from datetime import timedelta

from apps.core.clock import now
from apps.exchanges.models import AccountGroup
from apps.market.models import WatchedSymbol
from apps.market.services.watch import follow
from apps.portfolio.services import proposals
from apps.system.models import RestartRequest
from apps.users.models import ApiToken, User, Workspace
from apps.users.services import members
from tests.apps import builders
from tests.apps.api import tokens_of
from tests.apps.portfolio.divided import QUESTION

# By the name of a path's parameter: made in that workspace, its id.
MAKERS: dict[str, Callable[[User, Workspace], int]] = {
    "workspace_id": lambda owner, workspace: workspace.pk,
    "user_id": lambda owner, workspace: owner.pk,
    "session_id": lambda owner, workspace: (tokens_of(owner), owner.sessions.latest("pk").pk)[1],
    "token_id": lambda owner, workspace: api_token(owner).pk,
    "account_id": lambda owner, workspace: builders.account(owner=workspace.name).pk,
    "group_id": lambda owner, workspace: AccountGroup.objects.create(workspace=workspace, name="all").pk,
    "pin_id": lambda owner, workspace: pinned(workspace).pk,
    "proposal_id": lambda owner, workspace: (
        proposals.ask(workspace, environment="sandbox", question=QUESTION, actor=owner, at=now()).pk
    ),
    "restart_id": lambda owner, workspace: RestartRequest.objects.create(asked_at=now()).pk,
    "invitation_id": lambda owner, workspace: (
        members.invite(workspace, role="viewer", note="", actor=owner, now=now())[0].pk
    ),
}


def api_token(owner: User) -> ApiToken:
    until = now() + timedelta(days=1)
    return ApiToken.objects.create(user=owner, name="a", prefix=str(owner.pk), created_at=now(), expires_at=until)


def pinned(workspace: Workspace) -> WatchedSymbol:
    where = {"exchange_id": "binance", "environment": "sandbox", "symbol": "BTC/USDT", "timeframe": "1h"}
    made, _ = WatchedSymbol.objects.get_or_create(workspace=workspace, **where)
    follow("binance", "sandbox", now())
    return made


def parameters(path: str) -> list[str]:
    return [part.partition(">")[0].partition(":")[2] for part in path.split("<")[1:]]


def objects_of(owner: User, workspace: Workspace, path: str) -> dict[str, int]:
    return {name: MAKERS[name](owner, workspace) for name in parameters(path)}


def own_workspace(owner: User) -> Workspace:
    return Workspace.objects.get(name=owner.username)
