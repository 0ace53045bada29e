"""What stands behind the `?` of every address that is read: what it does not know it refuses, and names."""

from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from apps.core.clock import now
from apps.users.models import User
from tests.apps import builders
from tests.apps.api import bearer, tokens_of, user
from tests.config.doors import DOORS, Door
from tests.config.furnished import furnish_market
from tests.config.good_bodies import good_query
from tests.config.objects import objects_of, own_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgres, pytest.mark.usefixtures("nothing_leaves")]

READ = [door for door in DOORS if door.method == "GET"]
PAGING = {"cursor": "x", "page_size": "5", "ordering": "oldest"}

with GENERATOR_STATS.silence():
    SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)


def known_to(door: Door) -> dict[str, dict[str, Any]]:
    operation = SCHEMA["paths"]["/" + door.path.replace("<int:", "{").replace(">", "}")]["get"]
    return {each["name"]: each["schema"] for each in operation.get("parameters", ()) if each["in"] == "query"}


SPANNED = [door for door in READ if {"since", "until"} <= known_to(door).keys()]
AT_AN_EXCHANGE = [door for door in READ if "exchange_id" in known_to(door)]


class Reader:
    """Staff, who have an account, a market and one of each thing."""

    def __init__(self) -> None:
        self.owner = user()
        User.objects.filter(pk=self.owner.pk).update(is_staff=True)
        self.owner.refresh_from_db()
        builders.account(label="another")
        furnish_market(now())
        self.client: APIClient = bearer(tokens_of(self.owner).access)
        self._objects: dict[str, int] = {}

    def ask(self, door: Door, **query: str) -> Any:
        self._objects = self._objects or objects_of(self.owner, own_workspace(self.owner), door.path)
        path = door.path
        for name, pk in self._objects.items():
            path = path.replace(f"<int:{name}>", str(pk))
        return self.client.get(f"/{path}", good_query(str(door)) | query)

    def is_refused(self, door: Door, name: str, **query: str) -> str:
        """For that parameter's sake; why, in words."""
        answer = self.ask(door, **query)
        assert answer.status_code == 400, (query, answer.content)
        assert list(answer.json()["errors"]) == [name]
        return str(answer.json()["detail"])


@pytest.fixture
def reader(settings) -> Reader:
    settings.RATE_LIMIT_FACTOR = 100_000
    return Reader()


@pytest.mark.parametrize("door", READ, ids=str)
def test_what_is_not_in_the_schema_is_refused_and_what_is_known_is_named(door, reader):
    known = known_to(door)
    for name, value in ({"no_such_name": "1"} | PAGING).items():
        if name not in known:
            begin, _, told = reader.is_refused(door, name, **{name: value}).partition(" are ")
            assert begin == f"{name}: no such parameter; known"
            assert sorted(told.removesuffix(".").split(", ")) == sorted(known or ["none"])


@pytest.mark.parametrize("door", [door for door in READ if "ordering" in known_to(door)], ids=str)
def test_lists_say_how_they_can_be_ordered(door, reader):
    assert known_to(door)["ordering"]["enum"] == ["newest", "oldest"]
    assert "newest, oldest" in reader.is_refused(door, "ordering", ordering="xyz")


@pytest.mark.parametrize("door", SPANNED, ids=str)
def test_a_time_that_ends_before_it_begins_is_refused(door, reader):
    assert "is after" in reader.is_refused(door, "since", since="2026-10-02", until="2026-10-01")
    assert reader.ask(door, since="2026-10-01", until="2026-10-02").status_code == 200


@pytest.mark.parametrize("door", AT_AN_EXCHANGE, ids=str)
def test_an_exchange_that_there_is_not_is_refused(door, reader):
    assert "nope" in reader.is_refused(door, "exchange_id", exchange_id="nope")


@pytest.mark.parametrize("door", [door for door in READ if "workspace_id" in known_to(door)], ids=str)
def test_a_workspace_that_one_is_not_in_is_refused(door, reader):
    theirs = own_workspace(user("neighbours"))
    assert "you are in no workspace" in reader.is_refused(door, "workspace_id", workspace_id=str(theirs.pk))


@pytest.mark.parametrize("door", [door for door in READ if "group" in known_to(door)], ids=str)
def test_a_group_that_one_does_not_see_is_refused(door, reader):
    assert "you see no group" in reader.is_refused(door, "group", group="999999")


def test_there_are_doors_of_each_kind_to_be_tried():
    assert len(SPANNED) > 8
    assert len(AT_AN_EXCHANGE) > 15
