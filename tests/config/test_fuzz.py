"""Schemathesis on the served schema, as each role: no server error, and no answer that the schema does not know.

`make api-fuzz` asks more, counts (tests/api_fuzz.py) and with SEED asks something else each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode

from apps.core.clock import now
from apps.users.models import Membership, User
from tests import api_fuzz
from tests.apps import builders
from tests.apps.api import tokens_of, user
from tests.config.doors import DOORS, Door
from tests.config.furnished import furnish_market
from tests.config.good_bodies import good_body, good_query
from tests.config.objects import MAKERS, own_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


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


@dataclass(frozen=True)
class Asking:
    """Somebody, and what stands in addresses that are theirs to see, by the name of its parameter."""

    user: User
    token: str
    objects: dict[str, int]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@pytest.fixture
def owner(nothing_leaves, settings) -> User:
    """Of a workspace with something in it."""
    settings.RATE_LIMIT_FACTOR = 100_000
    return user("owner")


@pytest.fixture
def objects(owner) -> dict[str, int]:
    """One of each; the member is somebody else, whose role may change."""
    workspace = own_workspace(owner)
    made = {name: make(owner, workspace) for name, make in MAKERS.items()}
    builders.state(workspace.accounts.get(pk=made["account_id"]))
    furnish_market(now())
    other = Membership.objects.create(user=user("member"), workspace=workspace, role="viewer")
    return made | {"user_id": other.user_id}


@pytest.fixture
def staff(owner, objects) -> Asking:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    owner.refresh_from_db()
    return Asking(owner, tokens_of(owner).access, objects)


@pytest.fixture(params=["nobody", "viewer", "trader", "admin", "staff"])
def asking(request, owner, objects) -> Asking:
    role = request.param
    if role == "nobody":
        return Asking(owner, "", objects)
    if role == "staff":
        return request.getfixturevalue("staff")
    somebody = owner
    if role != "admin":
        somebody = user(role)
        Membership.objects.create(user=somebody, workspace=own_workspace(owner), role=role)
    return Asking(somebody, tokens_of(somebody).access, objects)


# Every second well formed question is about something that is there.
_turns = cycle((True, False))


def about_something(case: Case, objects: dict[str, int]) -> None:
    is_well_formed = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    path, query = case.path_parameters, good_query(case.operation.label.replace(" /", " "))
    if is_well_formed and (path or query) and next(_turns):
        path.update({name: objects[name] for name in path})
        case.query.update(query)


@schema.parametrize()
@settings(
    max_examples=api_fuzz.EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=api_fuzz.SEED is None,
    database=None,
)
def test_nothing_that_is_sent_makes_it_fail_or_lie(case, asking):
    about_something(case, asking.objects)
    answer = case.call_and_validate(headers=asking.headers)
    api_fuzz.note(case.operation.label, answer.status_code)


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_what_is_right_is_answered_as_the_schema_says(door: Door, staff):
    path = "/" + door.path.replace("<int:", "{").replace(">", "}")
    operation = schema[path][door.method]
    with_body = {"body": good_body(str(door), staff.user), "media_type": "application/json"} if operation.body else {}
    objects = {name: pk for name, pk in staff.objects.items() if f"{{{name}}}" in path}
    answer = operation.Case(path_parameters=objects, query=good_query(str(door)), **with_body).call_and_validate(
        headers=staff.headers
    )
    api_fuzz.note(operation.label, answer.status_code)
    assert 200 <= answer.status_code < 300
