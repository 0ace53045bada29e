import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from loguru import logger
from rest_framework_simplejwt.tokens import AccessToken

from apps.core.clock import now
from apps.feed import consumers, hub, push
from apps.sync.signals import accounts_synced
from apps.users.models import ApiToken, EndReason, Membership, Session, User
from apps.users.scopes import Scope
from apps.users.services import api_tokens
from apps.users.services.access import by_token
from apps.users.services.sessions import end
from config.routing import websockets
from tests.apps.api import bearer, tokens_of, user
from tests.apps.builders import account
from tests.chaos.proxy import Proxy

# The consumer reads on a thread of its own: what the test wrote must be committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_redis")]


class Socket(ApplicationCommunicator):
    """A browser's end of the socket. (Channels has one too, in a package that needs another web server.)"""

    async def say(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hear(self) -> dict[str, Any]:
        message = await self.receive_output(5)
        return json.loads(message["text"]) if message["type"] == "websocket.send" else message


def browse(steps: Callable[[Socket], Awaitable[None]], path: str = "/ws/feed/") -> None:
    """Opens a socket, as a browser does, and takes the steps on it."""

    async def visit() -> None:
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "subprotocols": []}
        socket = Socket(websockets, scope)
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(5))["type"] == "websocket.accept"
        await steps(socket)
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(5)

    async_to_sync(visit)()


def test_the_last_slash_may_be_left_out():
    async def steps(socket: Socket) -> None:
        await socket.say(json.dumps({"type": "authenticate", "token": "none"}))
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps, path="/ws/feed")


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/feeds/", "/ws/feed/more"])
def test_any_other_path_is_refused_without_a_traceback(path):
    async def visit() -> None:
        socket = Socket(websockets, {"type": "websocket", "path": path, "headers": [], "query_string": b""})
        await socket.send_input({"type": "websocket.connect"})
        assert (await socket.receive_output(5))["type"] == "websocket.close"

    async_to_sync(visit)()


def opening(owner: User) -> str:
    return json.dumps({"type": "authenticate", "token": tokens_of(owner).access})


def test_who_says_who_they_are_hears_of_their_own_accounts_alone():
    mine, theirs = account(), account(owner="neighbours")
    owner = mine.workspace.memberships.get().user

    async def steps(socket: Socket) -> None:
        await socket.say(await sync_to_async(opening)(owner))
        assert await socket.hear() == {"type": "hello", "workspaces": [mine.workspace_id]}
        await sync_to_async(push.push_synced)(account_ids=[theirs.pk, mine.pk], kind="balances")
        event = {"type": "accounts.synced", "account_ids": [mine.pk], "kind": "balances"}
        assert await socket.hear() == event
        assert await socket.receive_nothing()

    browse(steps)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"type": "authenticate", "token": "forged"}', consumers.NOT_AUTHENTICATED),
        ('{"type": "authenticate"}', consumers.NOT_AUTHENTICATED),
        ('{"type": "subscribe"}', consumers.NOT_UNDERSTOOD),
        ('["list"]', consumers.NOT_UNDERSTOOD),
        ("hello?", consumers.NOT_UNDERSTOOD),
        ("", consumers.NOT_UNDERSTOOD),
        ("[" * 8000, consumers.NOT_UNDERSTOOD),
        ('{"type": "authenticate", "token": "' + "x" * 9000 + '"}', consumers.NOT_UNDERSTOOD),
        ('{"type": "authenticate", "token": "\\ud800"}', consumers.NOT_AUTHENTICATED),
        ('{"type": "authenticate", "token": {"a": 1}}', consumers.NOT_AUTHENTICATED),
    ],
)
def test_who_does_not_is_shown_the_door(message, code):
    async def steps(socket: Socket) -> None:
        await socket.say(message)
        assert await socket.hear() == {"type": "websocket.close", "code": code}

    browse(steps)


def test_bytes_are_not_understood():
    async def steps(socket: Socket) -> None:
        await socket.send_input({"type": "websocket.receive", "bytes": b"{}"})
        assert (await socket.hear())["code"] == consumers.NOT_UNDERSTOOD

    browse(steps)


def test_what_still_comes_in_after_the_door_was_shown_is_not_answered():
    mine = account()
    owner = mine.workspace.memberships.get().user

    async def steps(socket: Socket) -> None:
        await socket.say(await sync_to_async(opening)(owner))
        await socket.hear()
        for _ in range(3):
            await socket.say("hello?")
        assert (await socket.hear())["type"] == "websocket.close"
        await sync_to_async(push.push_synced)(account_ids=[mine.pk], kind="balances")
        assert await socket.receive_nothing()

    browse(steps)


def test_the_socket_ends_with_its_token():
    token = AccessToken(tokens_of(user()).access)
    token.set_exp(lifetime=timedelta(seconds=1.2))

    async def steps(socket: Socket) -> None:
        await socket.say(json.dumps({"type": "authenticate", "token": str(token)}))
        assert (await socket.hear())["type"] == "hello"
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def test_a_fresh_token_keeps_the_socket_open_and_tells_anew_what_is_open_to_it():
    mine = account()
    owner = mine.workspace.memberships.get().user
    token = AccessToken(tokens_of(owner).access)
    token.set_exp(lifetime=timedelta(seconds=1.2))

    async def steps(socket: Socket) -> None:
        await socket.say(json.dumps({"type": "authenticate", "token": str(token)}))
        await socket.hear()
        await sync_to_async(lambda: mine.workspace.memberships.all().delete())()
        await socket.say(await sync_to_async(opening)(owner))
        assert await socket.hear() == {"type": "hello", "workspaces": []}
        await sync_to_async(push.push_synced)(account_ids=[mine.pk], kind="balances")
        assert await socket.receive_nothing(timeout=1.5)

    browse(steps)


def test_what_the_sync_announces_is_what_browsers_hear():
    mine = account()
    owner = mine.workspace.memberships.get().user

    async def steps(socket: Socket) -> None:
        await socket.say(await sync_to_async(opening)(owner))
        await socket.hear()
        await sync_to_async(accounts_synced.send)(sender=None, account_ids=[mine.pk], kind="positions")
        assert (await socket.hear())["kind"] == "positions"

    browse(steps)


def test_who_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(consumers, "PATIENCE", 0.05)

    async def steps(socket: Socket) -> None:
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def test_a_deactivated_users_token_opens_nothing():
    owner = user()
    message = opening(owner)
    User.objects.update(is_active=False)

    async def steps(socket: Socket) -> None:
        await socket.say(message)
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def _expect_a_hint_lost(settings, port: int) -> None:
    layer = settings.CHANNEL_LAYERS["default"]
    hosts = layer["CONFIG"]["hosts"][0] | {"address": f"redis://127.0.0.1:{port}/0"}
    settings.CHANNEL_LAYERS = {"default": layer | {"CONFIG": layer["CONFIG"] | {"hosts": [hosts]}}}
    lines = StringIO()
    number = logger.add(lines)
    begun = time.monotonic()
    accounts_synced.send(sender=None, account_ids=[account().pk], kind="balances")
    logger.remove(number)
    assert "the feed was not told of 1 balances synced" in lines.getvalue()
    assert time.monotonic() - begun < 10


def test_a_redis_that_is_away_costs_the_hint_and_nothing_else(settings):
    _expect_a_hint_lost(settings, port=1)


def test_a_redis_that_does_not_answer_is_not_waited_for(settings):
    with Proxy() as black_hole:
        _expect_a_hint_lost(settings, port=black_hole.port)


def end_newest() -> None:
    newest = Session.objects.latest("pk")
    end(newest, why=EndReason.LOGGED_OUT, actor=newest.user, at=now())


def test_a_socket_ends_at_once_with_its_session_and_with_no_other(monkeypatch):
    monkeypatch.setattr(hub, "LOOK_EVERY", 600)
    owner = user()
    other, mine = opening(owner), opening(owner)

    async def steps(socket: Socket) -> None:
        for message in (other, mine):
            await socket.say(message)
            assert (await socket.hear())["type"] == "hello"
        await sync_to_async(end_newest)()
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def new_password(owner: User) -> None:
    owner.set_password("another horse battery")
    owner.save()


def deactivate(owner: User) -> None:
    owner.is_active = False
    owner.save()


def log_out_everywhere(owner: User) -> None:
    bearer(tokens_of(owner).access).post("/api/user/logout", {"everywhere": True}, format="json")


@pytest.mark.parametrize("deed", [new_password, deactivate, log_out_everywhere])
def test_a_new_password_a_deactivation_and_logging_out_everywhere_end_every_socket_at_once(monkeypatch, deed):
    monkeypatch.setattr(hub, "LOOK_EVERY", 600)
    owner = user()
    message = opening(owner)

    async def steps(socket: Socket) -> None:
        await socket.say(message)
        assert (await socket.hear())["type"] == "hello"
        await sync_to_async(deed)(owner)
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def test_a_socket_that_went_over_to_another_session_outlives_the_first(monkeypatch):
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.05)
    owner = user()
    second, first = opening(owner), opening(owner)

    async def steps(socket: Socket) -> None:
        for message in (first, second):
            await socket.say(message)
            await socket.hear()
        await sync_to_async(end_newest)()
        assert await socket.receive_nothing(timeout=0.3)

    browse(steps)


def test_a_session_that_goes_without_a_word_is_missed_within_five_seconds():
    owner = user()
    message = opening(owner)

    async def steps(socket: Socket) -> None:
        await socket.say(message)
        await socket.hear()
        await sync_to_async(owner.delete)()
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def personal_token(owner: User, *scopes: Scope) -> str:
    until = now() + timedelta(days=1)
    access = by_token(tokens_of(owner).access, address=None, now=now())
    return api_tokens.create(access, name="a script", scopes=scopes, expires_at=until, now=now())[1]


def test_a_personal_token_opens_the_feed_until_it_is_revoked(monkeypatch):
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.05)
    mine = account()
    token = personal_token(mine.workspace.memberships.get().user, Scope.PORTFOLIO_READ)

    async def steps(socket: Socket) -> None:
        await socket.say(json.dumps({"type": "authenticate", "token": token}))
        assert await socket.hear() == {"type": "hello", "workspaces": [mine.workspace_id]}
        assert await socket.receive_nothing(timeout=0.3)
        await sync_to_async(lambda: ApiToken.objects.update(revoked_at=now()))()
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def test_a_token_that_may_not_see_the_portfolio_hears_nothing_of_it():
    token = personal_token(user(), Scope.MARKET_READ)

    async def steps(socket: Socket) -> None:
        await socket.say(json.dumps({"type": "authenticate", "token": token}))
        assert (await socket.hear())["code"] == consumers.NOT_AUTHENTICATED

    browse(steps)


def test_who_is_taken_out_of_a_workspace_hears_of_it_no_more_and_who_comes_in_does(monkeypatch):
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.05)
    mine, theirs = account(), account(owner="neighbours")
    owner = mine.workspace.memberships.get().user
    message = opening(owner)

    def move() -> None:
        Membership.objects.filter(user=owner).update(workspace=theirs.workspace)

    async def steps(socket: Socket) -> None:
        await socket.say(message)
        await socket.hear()
        await sync_to_async(move)()
        assert await socket.receive_nothing(timeout=0.5)
        await sync_to_async(push.push_synced)(account_ids=[mine.pk, theirs.pk], kind="balances")
        assert (await socket.hear())["account_ids"] == [theirs.pk]
        assert await socket.receive_nothing()

    browse(steps)


@pytest.mark.slow
def test_an_idle_socket_lives_longer_than_any_timeout_of_the_redis_client():
    mine = account()
    owner = mine.workspace.memberships.get().user

    async def steps(socket: Socket) -> None:
        await socket.say(await sync_to_async(opening)(owner))
        await socket.hear()
        assert await socket.receive_nothing(timeout=30)
        await sync_to_async(push.push_synced)(account_ids=[mine.pk], kind="orders")
        assert (await socket.hear())["kind"] == "orders"

    browse(steps)
