"""Schemathesis on the served schema, as each role: no server error, and no answer that the schema does not know."""

import os
from collections.abc import Iterator

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings

from alphapulse.types import KeyReport
from apps.exchanges import keys
from apps.exchanges.models import AccountGroup
from apps.sync import tasks
from apps.system.services import remote
from apps.users.models import Membership, User
from tests.apps import builders
from tests.apps.api import tokens_of, user

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "3"))
REPORT = KeyReport(
    wallets=("spot",),
    wallets_not_permitted=(),
    can_trade=True,
    can_withdraw=False,
    ip_restricted=None,
    expires_at=None,
    warnings=(),
)


# What is well formed and cannot be (an account of nobody, a zone that is not there) is a 400 that names the field; who
# guesses passwords is locked out.
CONFIG = schemathesis.Config.from_dict(
    {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 400, 401, 403, 404, 409, 429]}}}
)
schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application(), config=CONFIG)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """What is written is undone at the end: no request may close the connection, as it would in a server."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(params=["nobody", "viewer", "trader", "admin", "staff"])
def token(request, monkeypatch, settings) -> str:
    """Of somebody of that role in a workspace with something in it; nothing leaves for an exchange or a broker."""
    settings.RATE_LIMIT_FACTOR = 100_000
    monkeypatch.setattr(keys, "check", lambda _account: REPORT)
    monkeypatch.setattr(tasks.resync, "delay", lambda **_: None)
    monkeypatch.setattr(remote, "answering", lambda: {"worker@host": 7})
    monkeypatch.setattr(remote, "end", lambda _nodes: None)
    owner = user("owner")
    mine = builders.account(owner="owner")
    builders.state(mine)
    AccountGroup.objects.create(workspace=mine.workspace, name="all")
    if request.param == "nobody":
        return ""
    if request.param in {"admin", "staff"}:
        User.objects.update(is_staff=request.param == "staff")
        owner.refresh_from_db()
        return tokens_of(owner).access
    Membership.objects.create(user=user(request.param), workspace=mine.workspace, role=request.param)
    return tokens_of(user(request.param)).access


@schema.parametrize()
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
def test_nothing_that_is_sent_makes_it_fail_or_lie(case, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    case.call_and_validate(headers=headers)
